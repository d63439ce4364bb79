import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { courseKeyOf } from '../../core/course/key.ts'

/** The sample of an LMS, as far as it is about three course runs and some accounts, as an import leaves it (lms-sample.sql). */
export async function addMoved(db: Kysely<DB>): Promise<void> {
  await db
    .insertInto('learners')
    .values(ACCOUNTS.map(([userId, username]) => ({ user_id: userId, username, is_id_of_lms: true })))
    .execute()
  for (const courseId of [DEMO, NEW_RUN, NO_MODES]) {
    const { id } = await db
      .insertInto('courses')
      .values({ course_key: courseId, org: courseKeyOf(courseId).org })
      .returning('id')
      .executeTakeFirstOrThrow()
    const slugs = ['audit', 'honor', 'verified']
    await db
      .insertInto('course_modes')
      .values(slugs.map((slug) => ({ course_id: id, slug, name: slug })))
      .execute()
  }
  await addImported(db, {
    username: 'alice',
    courseId: DEMO,
    lmsId: 100,
    mode: 'verified',
    isActive: true,
    created: '2026-01-02T03:04:05.678901Z',
    attributes: [
      ['order', 'order_number', 'EDX-100002'],
      ['order', 'date_placed', '2026-01-02T03:04:05Z'],
    ],
  })
  const created = '2026-01-02T03:04:05.000001Z'
  const attributes = [['', '', '']] as const
  await addImported(db, {
    username: 'Bob',
    courseId: DEMO,
    lmsId: 101,
    mode: 'audit',
    isActive: false,
    created,
    attributes,
  })
}

export const DEMO = 'course-v1:edX+DemoX+2026'
export const NEW_RUN = 'course-v1:edX+New+R1'
export const NO_MODES = 'course-v1:edX+NoModes+R1'

const ACCOUNTS: readonly [id: number, username: string][] = [
  [1, 'edx'],
  [5, 'alice'],
  [6, 'Bob'],
  [9, 'josé'],
  [22, 'carol '],
]

/** An enrollment that an import has brought. */
export interface Imported {
  readonly username: string
  readonly courseId: string
  readonly lmsId: number
  readonly mode: string
  readonly isActive: boolean
  readonly created: string
  readonly attributes?: readonly (readonly [namespace: string, name: string, value: string])[]
}

/** Adds an enrollment with its event, as an import leaves them. */
export async function addImported(db: Kysely<DB>, row: Imported): Promise<void> {
  const learner = await db
    .selectFrom('learners')
    .select('id')
    .where('username', '=', row.username)
    .executeTakeFirstOrThrow()
  const course = await db
    .selectFrom('courses')
    .select('id')
    .where('course_key', '=', row.courseId)
    .executeTakeFirstOrThrow()
  const { id } = await db
    .insertInto('enrollments')
    .values({
      learner_id: learner.id,
      course_id: course.id,
      mode: row.mode,
      is_active: row.isActive,
      created: row.created,
      updated: row.created,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await db
    .insertInto('enrollment_lms_ids')
    .values({ enrollment_id: id, lms_id: row.lmsId, agreed_version: 1 })
    .execute()
  await db
    .insertInto('enrollment_events')
    .values({
      enrollment_id: id,
      version: 1,
      kind: 'created',
      after_mode: row.mode,
      after_is_active: row.isActive,
      actor_kind: 'system',
      actor_name: 'lms',
      via: 'cli',
      at: row.created,
      is_imported: true,
    })
    .execute()
  for (const [position, [namespace, name, value]] of (row.attributes ?? []).entries()) {
    await db
      .insertInto('enrollment_attributes')
      .values({ enrollment_id: id, position, namespace, name, value })
      .execute()
  }
}
