import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { parseCourseKey } from '../../../core/course/key.ts'
import { readEnrollmentPage } from '../../../core/enrollment/page.ts'
import { searchEnrollments } from '../../../core/enrollment/search.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse } from '../../support/seed.ts'

const database = await createTestDatabase()
// One session, so that it tells what it has read before it is asked.
const db = openDatabase({ connectionString: database.connectionString, poolSize: 1 })
afterAll(async () => {
  await db.destroy()
  await database[Symbol.asyncDispose]()
})

const ROWS = 10_000
let large: string

beforeAll(async () => {
  large = await addCourse(db)
  for (let count = 0; count < 200; count += 1) await addCourse(db, { modes: [] })
  await sql`insert into learners (username) select 'page ' || n from generate_series(1, ${ROWS}) n`.execute(db)
  await sql`
    insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
    select l.id, c.id, true, 'audit', at, at
    from (select id, row_number() over () as n from learners) l
    join (select id, course_key, row_number() over () as n from courses) c on c.course_key = ${large} or c.n = l.n % 200,
    lateral (select now() - l.n * interval '1 second' as at) as created`.execute(db)
  await sql`vacuum (analyze)`.execute(db)
})

test.each([
  ['search', () => searchEnrollments(db, { courseIds: [large] }, { limit: 100, after: null })],
  ['page', () => readEnrollmentPage(db, { course: parseCourseKey(large) ?? undefined }, { cursor: null, size: 100 })],
  ['page by a part of the key', () => readEnrollmentPage(db, { courseKeyParts: [large] }, { cursor: null, size: 100 })],
])('a %s of a course run with most of the enrollments reads no more than it shows', async (_, read) => {
  const before = await rowsRead()
  const { items } = await read()
  expect(items).toHaveLength(100)
  expect((await rowsRead()) - before).toBeLessThan(200)
})

async function rowsRead(): Promise<number> {
  await sql`select pg_stat_force_next_flush()`.execute(db)
  const { rows } = await sql<{ count: string }>`
    select seq_tup_read + idx_tup_fetch as count from pg_stat_user_tables where relname = 'enrollments'`.execute(db)
  return Number(rows[0]?.count)
}
