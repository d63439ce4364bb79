import { sql, type Kysely } from 'kysely'

/** Who cancelled pending enrollments, when and why. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Append-only: a row that is cancelled, sent again and cancelled again is here twice. license_uuid, transaction_uuid: the
  // funding that waited with it. Readers order by (transaction_id, id) and take only rows of transactions that ended before
  // every transaction still running.
  `create table enterprise_pending_cancellations (
    transaction_id xid8 not null default pg_current_xact_id(),
    id bigint generated always as identity,
    pending_id bigint not null references enterprise_pending_enrollments,
    license_uuid uuid,
    transaction_uuid uuid,
    actor_kind text not null check (actor_kind in ('service', 'user', 'system')),
    actor_name text not null check (actor_name <> ''),
    request_id text not null,
    reason text,
    at timestamptz not null,
    primary key (transaction_id, id)
  )`,
  `create index enterprise_pending_cancellations_pending_idx on enterprise_pending_cancellations (pending_id)`,
]
