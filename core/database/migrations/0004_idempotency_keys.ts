import { sql, type Kysely } from 'kysely'

/** What was answered under which idempotency key. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Written in the transaction that does the work. actor: the name. answer: JSON, as text so that it keeps its order;
  // null only while the work runs, which no other transaction sees.
  `create table idempotency_keys (
    scope text not null check (char_length(scope) between 1 and 100),
    actor text not null check (char_length(actor) between 1 and 255),
    key text not null check (char_length(key) between 1 and 255),
    input_sha256 bytea not null check (octet_length(input_sha256) = 32),
    answer text,
    created timestamptz not null,
    primary key (scope, actor, key)
  )`,
  `create index idempotency_keys_created_idx on idempotency_keys (created)`,
]
