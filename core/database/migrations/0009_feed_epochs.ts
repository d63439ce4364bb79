import { sql, type Kysely } from 'kysely'

/**
 * The place of an event in the feed outlives the cluster that gave it, whose transaction ids may be higher or lower than
 * those of the next one (decision 20). `transaction_id` becomes a number: a transaction id, plus an offset that each life of a
 * cluster chooses so that its numbers are above all that were given before.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Numbers that all sessions see at once, whatever transaction set them: that is why they are sequences. The life that the
  // epoch belongs to; it is set last and read first.
  `create sequence feed_epoch_life minvalue 0 start 0`,
  // What is added to transaction ids.
  `create sequence feed_epoch_offset minvalue 0 start 0`,
  // The id of the transaction that began it.
  `create sequence feed_epoch_transaction minvalue 0 start 0`,
  // An offset that is not above that of any transaction that may still commit, those included that were prepared in an
  // earlier life.
  `create sequence feed_epoch_floor minvalue 0 start 0`,

  // Nothing in them is a secret, and every writer reads them.
  `grant select on sequence feed_epoch_life, feed_epoch_offset, feed_epoch_transaction, feed_epoch_floor to public`,

  // Another process of PostgreSQL, or another copy of the sequence, is another life.
  `create function feed_life() returns bigint language sql stable
    return (date_part('epoch', pg_postmaster_start_time()) * 1000000)::bigint + 'feed_epoch_life'::regclass::oid::bigint`,

  // The offset of this life; null until its first event.
  `create function feed_offset() returns bigint language sql volatile
    return case when pg_sequence_last_value('feed_epoch_life'::regclass) = feed_life()
      then pg_sequence_last_value('feed_epoch_offset'::regclass) end`,

  // Begins an epoch unless this life has one: at the microseconds since 2020, times 2048, which no cluster reaches by counting
  // transactions. The lock, of the subtransaction that the exception ends, is not kept until the caller commits.
  `create function feed_begin_epoch() returns void language plpgsql security definer set search_path from current as $$
    declare
      first_transaction bigint := txid_current();
      first_number bigint;
    begin
      perform pg_advisory_xact_lock(7150216984203541);
      if (select last_value from feed_epoch_life) <> feed_life() then
        -- A clock that goes wrong must not bring numbers below those that are known.
        first_number := greatest(
          ((date_part('epoch', clock_timestamp()) - 1577836800) * 1000000)::bigint << 11,
          (select last_value from feed_epoch_offset) + (select last_value from feed_epoch_transaction) + 16777216,
          (select transaction_id::text::bigint from enrollment_events
            order by transaction_id desc, id desc limit 1) + 16777216
        );
        -- In this order, so that a standby which has only some of them shows too little, never too much.
        perform setval('feed_epoch_transaction', first_transaction);
        perform setval('feed_epoch_offset', first_number - first_transaction);
        if not exists (select from pg_prepared_xacts where database = current_database()) then
          perform setval('feed_epoch_floor', first_number - first_transaction);
        end if;
        perform setval('feed_epoch_life', feed_life());
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
      -- Read before the others, which do not change any more once this one is that of this life.
      life bigint := (select last_value from feed_epoch_life);
      this_offset bigint := (select last_value from feed_epoch_offset);
      first_transaction bigint := (select last_value from feed_epoch_transaction);
      oldest_id bigint := oldest::text::bigint;
      -- A standby shows the life of its primary.
      has_begun boolean := pg_is_in_recovery() or life = feed_life();
    begin
      if has_begun and (oldest_id >= first_transaction or earlier_offset = 9223372036854775807) then
        return (this_offset + oldest_id)::text::xid8;
      end if;
      if earlier_offset = 9223372036854775807 then return '9223372036854775807'; end if;
      return (earlier_offset + oldest_id)::text::xid8;
    end
  $$`,

  // The transaction's own id, or the newest one that the statement sees: what it changes was written by none newer, so that the
  // versions of an enrollment come in their order, also where an older transaction changes what a younger one wrote.
  `alter table enrollment_events alter column transaction_id set default (
    greatest(txid_current(), txid_snapshot_xmax(txid_current_snapshot()) - 1) + coalesce(feed_offset(), feed_first_offset())
  )::text::xid8`,

  // Where the newest event was written in this cluster, its numbers go on as before, so that processes of the version before
  // read them too. A row that was restored was written by another transaction than its number says.
  `do $$ begin
    if exists (
      select from (select transaction_id, xmin from enrollment_events order by transaction_id desc, id desc limit 1) newest
      where newest.xmin::text::bigint = newest.transaction_id::text::bigint % 4294967296
    ) then
      perform setval('feed_epoch_offset', 0);
      perform setval('feed_epoch_transaction', 0);
      perform setval('feed_epoch_floor', 0);
      perform setval('feed_epoch_life', feed_life());
    end if;
  end $$`,

  // On a large table they are made before, concurrently: docs/decisions/0020.
  `create index if not exists enrollment_events_batch_idx on enrollment_events (batch_id, transaction_id)
    where batch_id is not null`,
  `create index if not exists enrollment_events_kind_idx on enrollment_events (kind, transaction_id, id)
    where kind <> 'created'`,
]
