import { sql, type Kysely } from 'kysely'

/** What became of fulfilments: who revoked them, when and why. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Append-only. A row of a transaction is the event "learner credit enrollment revoked" (enterprise C.9). Readers order by
  // (transaction_id, id) and take only rows of transactions that ended before every transaction still running.
  `create table enterprise_revocations (
    transaction_id xid8 not null default pg_current_xact_id(),
    id bigint generated always as identity,
    fulfilment_uuid uuid not null references enterprise_fulfilments,
    kind text not null check (kind in ('license', 'transaction')),
    funding_id uuid not null,
    actor_kind text not null check (actor_kind in ('service', 'user', 'system')),
    actor_name text not null check (actor_name <> ''),
    request_id text not null,
    reason text,
    at timestamptz not null,
    primary key (transaction_id, id)
  )`,
  `create index enterprise_revocations_fulfilment_idx on enterprise_revocations (fulfilment_uuid)`,
]
