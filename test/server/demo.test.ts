import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { getCourse } from '../../core/course/read.ts'
import { openDatabase } from '../../core/database/open.ts'
import { enrollMany } from '../../core/enrollment/enroll.ts'
import { readHistory } from '../../core/event/read.ts'
import { defaultPolicy } from '../../core/policy.ts'
import { demoExample, loadDemoCatalogueIfEmpty } from '../../server/demo/index.ts'
import { demoLines } from '../../server/demo/lines.ts'
import { enrollCommand } from '../support/commands.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const NOW = new Date()
const DEMO = 'course-v1:edX+DemoX+2026'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await loadDemoCatalogueIfEmpty(database.db)
})
afterAll(() => database[Symbol.asyncDispose]())

describe('the demo catalogue', () => {
  test('is a hundred learners in a dozen course runs and more', async () => {
    const { rows } = await sql`
      select (select count(*)::int from learners where not is_staff) as learners,
        (select count(*)::int from courses) as courses,
        (select count(*)::int from enrollments where is_active) > 150 as active,
        (select count(*)::int from enrollments where not is_active) > 10 as inactive`.execute(database.db)
    expect(rows).toEqual([{ learners: 102, courses: 13, active: true, inactive: true }])
  })

  test('has only addresses that are reserved for examples', () => {
    const addresses = demoLines(NOW).flatMap((line) => ('email' in line ? (line.email ?? []) : []))
    expect(addresses).toHaveLength(108)
    expect(addresses.filter((address) => !/^[a-z._]+@example\.(com|org)$/.test(address))).toEqual([])
  })

  test('left an event of its own for each enrollment', async () => {
    const [event] = await readHistory(database.db, { username: 'amara_okafor' }, DEMO)
    expect(event).toMatchObject({ kind: 'created', version: 1, actor: { kind: 'system', name: 'demo' }, via: 'cli' })
    const { rows } = await sql`
      select count(*)::int as missing from enrollments e
      where not exists (select from enrollment_events v where v.enrollment_id = e.id)`.execute(database.db)
    expect(rows).toEqual([{ missing: 0 }])
  })

  test.each([
    ['open', DEMO, 'alice', null, { outcome: { kind: 'created', enrollment: { mode: 'audit' } } }],
    ['old-style key', 'edX/DemoX/Demo_Course', 'alice', null, { outcome: { kind: 'created' } }],
    ['no modes', 'course-v1:OpenHarbor+ORIENT+Always', 'alice', null, { outcome: { kind: 'created' } }],
    ['closed', 'course-v1:LindenU+HIST201+Autumn', 'alice', null, { error: { details: { because: 'ended' } } }],
    ['future', 'course-v1:NorthbayX+AI210+R1', 'alice', null, { error: { details: { because: 'notStarted' } } }],
    ['full', 'course-v1:TidewaterTech+ROBO120+Workshop', 'alice', null, { error: { details: { limit: 8 } } }],
    [
      'invitation only, without one',
      'course-v1:OpenHarbor+TEACH500+Invited',
      'bob',
      null,
      { error: { details: { because: 'invitationOnly' } } },
    ],
    ['invitation only, with one', 'course-v1:OpenHarbor+TEACH500+Invited', 'alice', null, { ok: true }],
    ['verified', DEMO, 'bob', 'verified', { outcome: { enrollment: { mode: 'verified' } } }],
    [
      'expired verified mode',
      'course-v1:LindenU+ART115+Spring',
      'bob',
      'verified',
      { error: { code: 'modeUnavailable', details: { expired: true } } },
    ],
    [
      'professionals only',
      'course-v1:NorthbayX+CLOUD900+Pro',
      'bob',
      null,
      { error: { details: { available: ['professional', 'no-id-professional'] } } },
    ],
    [
      'credit',
      'course-v1:TidewaterTech+MATH240+Credit',
      'bob',
      'credit',
      { outcome: { enrollment: { mode: 'credit' } } },
    ],
  ])('shows what enrollment knows: %s', async (_situation, courseId, username, mode, expected) => {
    const command = enrollCommand({ learner: { username }, courseId, mode })
    const metadata = { actor: { kind: 'system', name: 'test' }, via: 'caller', now: NOW } as const
    const [result] = await enrollMany(database.db, [{ command, metadata }], defaultPolicy)
    expect(result).toMatchObject(expected)
  })

  test('has prices', async () => {
    const course = await getCourse(database.db, DEMO, { includeExpired: true, policy: defaultPolicy, now: NOW })
    expect(course.modes.map(({ slug, minPrice }) => [slug, minPrice])).toEqual([
      ['audit', 0],
      ['verified', 49],
      ['honor', 0],
    ])
  })

  test('leaves the learners of the first example lines to be enrolled', () => {
    const taken = demoLines(NOW).flatMap((line) =>
      line.type === 'enrollment' ? [{ username: line.username, courseId: line.courseId }] : [],
    )
    expect(taken).toContainEqual({ username: 'amara_okafor', courseId: DEMO })
    expect(taken).not.toContainEqual(demoExample.rest)
    expect(taken).not.toContainEqual(demoExample.cli)
  })
})

describe('loading it', () => {
  test('happens once, however many processes start together', async () => {
    await using fresh = await createTestDatabase()
    const pools = Array.from({ length: 4 }, () =>
      openDatabase({ connectionString: fresh.connectionString, poolSize: 1 }),
    )
    const loaded = await Promise.all(pools.map((pool) => loadDemoCatalogueIfEmpty(pool)))
    expect(loaded.filter(Boolean)).toHaveLength(1)
    expect(await loadDemoCatalogueIfEmpty(fresh.db)).toBe(false)
    await Promise.all(pools.map((pool) => pool.destroy()))
  })

  test.each([
    ['an account', sql`insert into learners (username) values ('someone')`],
    ['a course run', sql`insert into courses (course_key, org) values ('a/b/c', 'a')`],
  ])('does not happen where there is %s', async (_what, insert) => {
    await using fresh = await createTestDatabase()
    await insert.execute(fresh.db)
    expect(await loadDemoCatalogueIfEmpty(fresh.db)).toBe(false)
    const { rows } = await sql<{ n: number }>`select count(*)::int as n from enrollments`.execute(fresh.db)
    expect(rows).toEqual([{ n: 0 }])
  })
})
