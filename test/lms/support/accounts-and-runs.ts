import type { Kysely } from 'kysely'
import { parseCourseKey } from '../../../core/course/key.ts'
import type { LmsDB } from '../../../lms/database/schema.ts'
import type { LmsSource } from '../../../lms/source/source.ts'

/** Brings the accounts and the course runs of an LMS here as plain rows, without any rule: what enrollments need. */
export async function bringAccountsAndRuns(db: Kysely<LmsDB>, source: LmsSource): Promise<void> {
  const accounts = await source.query<{ id: number; username: string }>('select id, username from auth_user')
  const runs = await source.query<{ id: string }>('select id from course_overviews_courseoverview')
  await db
    .insertInto('learners')
    .values(accounts.map(({ id, username }) => ({ user_id: id, is_id_of_lms: true, username })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const keys = runs.flatMap(({ id }) => parseCourseKey(id) ?? [])
  await db
    .insertInto('courses')
    .values(keys.map(({ stored, org }) => ({ course_key: stored, org, owner: 'lms' })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}
