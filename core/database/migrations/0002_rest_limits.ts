import { sql, type Kysely } from 'kysely'

/**
 * The memory of the REST door's limits. Unlogged: writing it waits for no disk, and when a crash empties it, everybody
 * starts with a fresh minute. Half of each page stays free, so that an update finds room beside the row that it replaces
 * and touches no index.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // One row for each who asks. hits: when the requests came that count, oldest first. expires: when the last of them
  // leaves the window. asked, allowed: of the latest request, counted or not.
  `create unlogged table throttle (
    key text primary key check (char_length(key) between 1 and 255),
    hits timestamptz[] not null,
    expires timestamptz not null,
    asked timestamptz not null,
    allowed boolean not null
  ) with (fillfactor = 50)`,
]
