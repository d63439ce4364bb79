import { sql, type Kysely } from 'kysely'

/**
 * The place of an event in the feed outlives the cluster that gave it, whose transaction ids may be higher or lower than
 * those of the next one (decision 20). `transaction_id` becomes the number of the transaction: its id, plus an offset that
 * each life of a cluster chooses so that its numbers are above all that were given before.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Three numbers that all sessions see at once, whatever transaction set them: that is why they are sequences.
  // feed_epoch: its first number, a multiple of 2^31, plus the mark of the life that it belongs to.
  `create sequence feed_epoch minvalue 0 start 0`,
  // The transaction id that has the first number. Offset: first number - first transaction id.
  `create sequence feed_epoch_transaction minvalue 0 start 0`,
  // An offset that is not above that of any transaction that may still commit, those included that were prepared in an
  // earlier life.
  `create sequence feed_epoch_floor minvalue 0 start 0`,

  // Nothing in them is a secret, and every writer reads them.
  `grant select on sequence feed_epoch, feed_epoch_transaction, feed_epoch_floor to public`,

  // Another process of PostgreSQL, or another copy of the sequence, has another mark.
  `create function feed_life() returns bigint language sql stable
    return ((date_part('epoch', pg_postmaster_start_time()) * 1000000)::bigint + 'feed_epoch'::regclass::oid::bigint)
      & 2147483647`,

  // The offset of this life; null until its first event.
  `create function feed_offset() returns bigint language sql volatile
    return case when (pg_sequence_last_value('feed_epoch'::regclass) & 2147483647) = feed_life()
      then (pg_sequence_last_value('feed_epoch'::regclass) & ~2147483647::bigint)
        - pg_sequence_last_value('feed_epoch_transaction'::regclass) end`,

  // Begins an epoch unless this life has one: at the seconds since 2020, times 2^31, which no cluster reaches by counting
  // transactions. The lock, of the subtransaction that the exception ends, is not kept until the caller commits.
  `create function feed_begin_epoch() returns void language plpgsql security definer set search_path from current as $$
    declare
      first_transaction bigint := txid_current();
      second bigint;
    begin
      perform pg_advisory_xact_lock(7150216984203541);
      if (select last_value & 2147483647 from feed_epoch) <> feed_life() then
        second := greatest(
          extract(epoch from clock_timestamp())::bigint - 1577836800,
          (select last_value >> 31 from feed_epoch) + 2,
          (select transaction_id::text::bigint >> 31 from enrollment_events
            order by transaction_id desc, id desc limit 1) + 2
        );
        perform setval('feed_epoch_transaction', first_transaction);
        if not exists (select from pg_prepared_xacts where database = current_database()) then
          perform setval('feed_epoch_floor', (second << 31) - first_transaction);
        end if;
        perform setval('feed_epoch', (second << 31) | feed_life());
      end if;
      raise exception 'done' using errcode = 'FEED0';
    exception when sqlstate 'FEED0' then
    end
  $$`,

  // The same, in a life that has none yet.
  `create function feed_first_offset() returns bigint language plpgsql security definer set search_path from current as $$
    begin
      perform feed_begin_epoch();
      return feed_offset();
    end
  $$`,

  // The lowest offset of an earlier life whose events may still be committed, because they are prepared; the highest number:
  // there is none. Asked for before the snapshot is taken that the feed is read in. A snapshot that was taken before says
  // nothing of what has ended since.
  `create function feed_earlier_offset() returns bigint language plpgsql set search_path from current as $$
    declare
      lowest bigint := (select last_value from feed_epoch_floor);
    begin
      if current_setting('transaction_isolation') in ('repeatable read', 'serializable') then return 0; end if;
      if pg_is_in_recovery() or exists (select from pg_prepared_xacts where database = current_database()) then
        return lowest;
      end if;
      return 9223372036854775807;
    end
  $$`,

  // The lowest number that an event can have which a snapshot does not show and which is committed later; null where
  // feed_earlier_offset has to be asked before. oldest: the oldest transaction that runs in the snapshot.
  `create function feed_horizon(oldest xid8, earlier_offset bigint) returns xid8 language plpgsql set search_path from current as $$
    declare
      -- Read before the second one, which does not change any more once this one is that of this life.
      epoch bigint := (select last_value from feed_epoch);
      first_transaction bigint := (select last_value from feed_epoch_transaction);
      oldest_id bigint := oldest::text::bigint;
      -- A standby shows the life of its primary.
      has_begun boolean := pg_is_in_recovery() or (epoch & 2147483647) = feed_life();
    begin
      if has_begun and (oldest_id >= first_transaction or earlier_offset = 9223372036854775807) then
        return ((epoch & ~2147483647::bigint) - first_transaction + oldest_id)::text::xid8;
      end if;
      if earlier_offset = 9223372036854775807 then return '9223372036854775807'; end if;
      return (earlier_offset + oldest_id)::text::xid8;
    end
  $$`,

  // The offset once more, as a constant in the plans of the statements that write events; null in every other life.
  `create function feed_settled_offset() returns bigint language sql stable return null::bigint`,
  `create function feed_settle_epoch() returns void language plpgsql security definer
    set search_path from current set timezone to 'UTC' set datestyle to 'ISO' as $$
    declare
      known bigint := feed_offset();
    begin
      if known is null or feed_settled_offset() is not null then return; end if;
      if not pg_try_advisory_xact_lock(7150216984203542) then return; end if;
      execute format(
        'create or replace function feed_settled_offset() returns bigint language sql stable
          return case when pg_postmaster_start_time() = %L::timestamptz and %L::regclass::oid = %s::oid then %s::bigint end',
        pg_postmaster_start_time(), 'feed_epoch', 'feed_epoch'::regclass::oid, known
      );
    end
  $$`,

  `alter table enrollment_events alter column transaction_id
    set default (txid_current() + coalesce(feed_settled_offset(), feed_offset(), feed_first_offset()))::text::xid8`,

  // Where the newest event was written in this cluster, its numbers go on as before, so that processes of the version before
  // read them too. A row that was restored was written by another transaction than its number says.
  `do $$ begin
    if exists (
      select from (select transaction_id, xmin from enrollment_events order by transaction_id desc, id desc limit 1) newest
      where newest.xmin::text::bigint = newest.transaction_id::text::bigint % 4294967296
    ) then
      perform setval('feed_epoch_transaction', 0);
      perform setval('feed_epoch_floor', 0);
      perform setval('feed_epoch', feed_life());
    end if;
  end $$`,

  // On a large table they are made before, concurrently: docs/decisions/0020.
  `create index if not exists enrollment_events_batch_idx on enrollment_events (batch_id, transaction_id)
    where batch_id is not null`,
  `create index if not exists enrollment_events_kind_idx on enrollment_events (kind, transaction_id, id)
    where kind <> 'created'`,
]
