import { sql, type Kysely } from 'kysely'

/**
 * Every enrollment looks its learner up by username. The index now holds all that is asked of a learner then, so that the
 * row itself, which lies on a page of its own for each learner, stays unread.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(
      `alter table learners drop constraint learners_username_key,
         add constraint learners_username_key unique (username) include (id, is_active, is_staff, is_superuser)`,
    )
    .execute(db)
}
