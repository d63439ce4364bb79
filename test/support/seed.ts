import { sql, type Insertable, type Kysely } from 'kysely'
import { courseKeyOf } from '../../core/course/key.ts'
import type { DB } from '../../core/database/schema.ts'
import { createCaller } from '../../routers/index.ts'

export interface SeededLearner {
  id: number
  /** The id that everybody is shown. */
  userId: number
  username: string
  email: string
}

type CourseColumns = Partial<Insertable<DB['courses']>> & {
  modes?: readonly (string | [slug: string, expires: string])[]
}

/** Adds learners who have never been there before. */
export async function addLearners(
  db: Kysely<DB>,
  count: number,
  columns: Partial<Insertable<DB['learners']>> = {},
): Promise<SeededLearner[]> {
  const names = Array.from({ length: count }, () => unique('learner'))
  const rows = names.map((username) => ({ username, email: `${username}@example.com`, ...columns }))
  const added = await db
    .insertInto('learners')
    .values(rows)
    .returning(['id', 'user_id as userId', 'username', 'email'])
    .execute()
  return added.map((row) => ({ ...row, email: row.email ?? '' }))
}

/** Adds more learners than one statement has parameters for. */
export async function addManyLearners(db: Kysely<DB>, count: number): Promise<string[]> {
  const prefix = unique('many')
  const names: string[] = []
  // One statement for all would meet its time-out on a machine that does much else.
  for (let from = 1; from <= count; from += 10_000) {
    const { rows } = await sql<{ username: string }>`
      insert into learners (username, email)
      select ${prefix} || n, ${prefix} || n || '@example.com'
      from generate_series(${from}::integer, ${Math.min(from + 9_999, count)}::integer) n
      returning username`.execute(db)
    for (const { username } of rows) names.push(username)
  }
  return names
}

/** Adds one learner who has never been there before. */
export async function addLearner(
  db: Kysely<DB>,
  columns: Partial<Insertable<DB['learners']>> = {},
): Promise<SeededLearner> {
  const [learner] = await addLearners(db, 1, columns)
  if (learner === undefined) throw new Error('One learner was asked for')
  return learner
}

/** Adds a course run that has never been there before, by default open, without a limit, with audit and verified. */
export async function addCourse(
  db: Kysely<DB>,
  { modes = ['audit', 'verified'], ...columns }: CourseColumns = {},
): Promise<string> {
  const key = columns.course_key ?? `course-v1:Test+${unique('Course')}+2026`
  const { id } = await db
    .insertInto('courses')
    .values({ course_key: key, org: courseKeyOf(key).org, ...columns })
    .returning('id')
    .executeTakeFirstOrThrow()
  const rows = modes.map((mode) => (typeof mode === 'string' ? { slug: mode } : { slug: mode[0], expires: mode[1] }))
  if (rows.length > 0) {
    await db
      .insertInto('course_modes')
      .values(rows.map((row) => ({ course_id: id, name: row.slug, ...row })))
      .execute()
  }
  if (process.env['TEST_KNOWN_COURSES'] === 'on' && !db.isTransaction) await makeKnown(db, key)
  return key
}

/**
 * Lets the service know a course run as if somebody had asked for it before: with `TEST_KNOWN_COURSES=on` each one is, so that what
 * is tested of unknown ones, above all races, is tested of known ones too.
 */
async function makeKnown(db: Kysely<DB>, courseId: string): Promise<void> {
  const caller = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
  await caller.enrollment.enrollMany({ items: [{ username: unique('nobody'), courseId }] })
}

/** Gives a learner a role in a course run or, with `courseId` null, in the whole organisation. */
export async function addRole(
  db: Kysely<DB>,
  { id }: { id: number },
  role: string,
  courseId: string | null,
  org = courseId === null ? 'Test' : courseKeyOf(courseId).org,
): Promise<void> {
  await db.insertInto('roles').values({ learner_id: id, role, org, course_key: courseId }).execute()
}

/** Allows the holder of an e-mail address to enroll. */
export async function addAllowance(
  db: Kysely<DB>,
  email: string,
  courseId: string,
  claimedBy: number | null = null,
): Promise<void> {
  await db.insertInto('enrollment_allowances').values({ email, course_key: courseId, claimed_by: claimedBy }).execute()
}

function unique(prefix: string): string {
  added += 1
  return `${prefix}-${added}`
}

let added = 0
