import { sql, type Kysely } from 'kysely'

/** What was read from an LMS, and what of it could not be taken. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // What a row of the LMS said when it was read last, as a digest of what it came to here: rows that say the same again need no
  // look. line: what it came to, where that is a line of the import format.
  `create table lms_rows (
    table_name text not null,
    primary_key text not null,
    digest bytea not null,
    line jsonb,
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
