import { sql, type Kysely } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse } from '../../support/seed.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())

let courseId = ''
let other = ''
let before: string[] = []
beforeEach(async () => {
  courseId = await addCourse(db)
  other = await addCourse(db)
  before = [await revision(courseId), await revision(other)]
})

describe('the revision of a course run', () => {
  test('is its own', () => {
    expect(before[0]).not.toBe(before[1])
  })

  test.each([
    ...['display_name', 'org'].map((column) => `${column} = 'Other'`),
    ...['starts', 'ends', 'enrollment_start', 'enrollment_end'].map((column) => `${column} = '2026-01-01'`),
    ...['invitation_only', 'self_paced'].map((column) => `${column} = true`),
    ...['max_enrollments = 5', `owner = 'lms'`, `owner = 'lms', seat_lock = seat_lock + 1`],
  ])('is another one after: %s', async (change) => {
    await sql`update courses set ${sql.raw(change)} where course_key = ${courseId}`.execute(db)
    expect(await changed()).toEqual([true, false])
  })

  test('is another one for a column that a later version adds', async () => {
    await sql`alter table courses add column later text`.execute(db)
    await sql`update courses set later = 'x' where course_key = ${courseId}`.execute(db)
    expect(await changed()).toEqual([true, false])
  })

  test.each(['seat_lock = seat_lock + 1', `display_name = display_name`])('stays after: %s', async (change) => {
    await sql`update courses set ${sql.raw(change)} where course_key = ${courseId}`.execute(db)
    expect(await changed()).toEqual([false, false])
  })

  test.each([
    ['is added', `insert into course_modes (course_id, slug, name) select id, 'honor', 'Honor' from courses c where $`],
    ['changes', `update course_modes m set name = 'Other' from courses c where c.id = m.course_id and $`],
    ['is taken away', `delete from course_modes m using courses c where c.id = m.course_id and m.slug = 'audit' and $`],
  ])('is another one when a mode %s', async (_, change) => {
    await sql.raw(change.replace('$', `c.course_key = '${courseId}'`)).execute(db)
    expect(await changed()).toEqual([true, false])
  })

  test('is another one on both sides when a mode goes from one to the other', async () => {
    await sql`update course_modes set slug = 'moved', course_id = (select id from courses where course_key = ${other})
      where slug = 'audit' and course_id = (select id from courses where course_key = ${courseId})`.execute(db)
    expect(await changed()).toEqual([true, true])
  })

  test('is another one for all when no modes are left', async () => {
    await sql`truncate course_modes`.execute(db)
    expect(await changed()).toEqual([true, true])
  })

  test('never comes back after a rollback, for another state', async () => {
    const rolledBack = await inRolledBack(db, async (trx) => {
      await sql`update courses set invitation_only = true where course_key = ${courseId}`.execute(trx)
      return revision(courseId, trx)
    })
    expect(await changed()).toEqual([false, false])
    await sql`update courses set max_enrollments = 5 where course_key = ${courseId}`.execute(db)
    expect(await revision(courseId)).not.toBe(rolledBack)
  })

  test('is another one in each of two transactions at once', async () => {
    await using pool = openDatabase({ connectionString })
    const seen = await inRolledBack(db, async (trx) => {
      await sql`update courses set max_enrollments = 5 where course_key = ${courseId}`.execute(trx)
      const inOther = await inRolledBack(pool, async (beside) => {
        await sql`update courses set max_enrollments = 5 where course_key = ${other}`.execute(beside)
        return revision(other, beside)
      })
      return [await revision(courseId, trx), inOther]
    })
    expect(new Set([...before, ...seen]).size).toBe(4)
  })
})

test('modes of several course runs are changed by two at once without a deadlock', async () => {
  const change = (order: 'asc' | 'desc') =>
    sql`with m as (select id from course_modes order by course_id ${sql.raw(order)} for update)
      update course_modes set min_price = min_price + 1 where id in (select id from m)`.execute(db)
  // Those of one statement lock their modes first: here one only adds.
  const add = (slug: string) =>
    sql`insert into course_modes (course_id, slug, name) select id, ${slug}, 'x' from courses order by id desc`.execute(
      db,
    )
  const slugs = Array.from({ length: 10 }, (_, n) => `slug-${n}`)
  await Promise.all([change('asc'), ...slugs.map(add)])
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from course_modes where slug like 'slug-%'`.execute(db)
  const { rows: courses } = await sql<{ count: number }>`select count(*)::integer as count from courses`.execute(db)
  expect(rows[0]?.count).toBe(10 * (courses[0]?.count ?? 0))
})

/** Whether the revisions of the two course runs have changed. */
async function changed(): Promise<boolean[]> {
  const now = [await revision(courseId), await revision(other)]
  return now.map((each, index) => each !== before[index])
}

async function revision(key: string, on: Kysely<DB> = db): Promise<string> {
  const { revision: text } = await on
    .selectFrom('courses')
    .select('revision')
    .where('course_key', '=', key)
    .executeTakeFirstOrThrow()
  return text
}

async function inRolledBack<T>(on: Kysely<DB>, work: (trx: Kysely<DB>) => Promise<T>): Promise<T> {
  const trx = await on.startTransaction().execute()
  try {
    return await work(trx)
  } finally {
    await trx.rollback().execute()
  }
}
