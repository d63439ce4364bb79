import { sql, type Kysely } from 'kysely'

/** What went wrong when a consumer of the feed of events tried last, so that every process can tell. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // last_error, failed_at: both null where the consumer has not failed since it last succeeded.
  `alter table feed_checkpoints
    add column last_error text,
    add column failed_at timestamptz,
    add constraint feed_checkpoints_failure_check check ((last_error is null) = (failed_at is null))`,
]
