import { sql, type Kysely } from 'kysely'

/** What was read from an LMS, and what of it could not be taken. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // What a row of the LMS came to here when it was imported last. digest: of the line that was wanted; rows that want the same
  // again need no look. line: what was written, where that is a line of the import format; it names accounts by their ids.
  // bent: what had to be written otherwise than wanted, which is tried again each time.
  `create table lms_rows (
    table_name text not null,
    primary_key text not null,
    digest bytea not null,
    line jsonb,
    bent text,
    primary key (table_name, primary_key)
  )`,

  // Rows that have no place here, whole: going back finds them again.
  `create table lms_rows_aside (
    table_name text not null,
    primary_key text not null,
    why text not null,
    content jsonb not null,
    primary key (table_name, primary_key)
  )`,
]
