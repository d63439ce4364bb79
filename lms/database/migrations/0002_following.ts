import { sql, type Kysely } from 'kysely'

/** How far the LMS is followed (adoption.md §4). */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // A stream is what is followed for itself, such as roles. position: what was read up to, in words of the stream; null: it has to
  // be read from the beginning. pending: rows that were seen and not dealt with. looked: when the last look began that left
  // nothing; look_ms: how long it took. remark: what somebody should know of it, for a person. changes: grows with what it brings.
  `create table lms_streams (
    name text primary key,
    created timestamptz not null default clock_timestamp(),
    position jsonb,
    pending integer not null default 0,
    changes bigint not null default 0,
    looked timestamptz,
    look_ms integer,
    remark text,
    last_error text,
    failed_at timestamptz
  )`,

  // That one process at a time works at a stream. It decides nothing else.
  `create table lms_leases (
    name text primary key,
    holder uuid,
    held_until timestamptz
  )`,

  // Rows that came over bent are tried again when something has changed beside them.
  `create index lms_rows_bent on lms_rows (table_name) where bent is not null`,
]
