import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../../core/database/open.ts'
import { createCaller, enrollmentErrorFrom, type Outcome } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addAllowance, addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { eventually } from '../../support/eventually.ts'

const actor = { kind: 'service', name: 'tests' } as const

const database = await createTestDatabase()
const { db, connectionString } = database
// Other processes of the same deployment.
const others = [openDatabase({ connectionString }), openDatabase({ connectionString })]
afterAll(async () => {
  for (const other of others) await other.destroy()
  await database[Symbol.asyncDispose]()
})

const pools: [string, Database[]][] = [
  ['one pool', [db]],
  ['two pools', others],
]

describe.each(pools)('over %s', (_, over) => {
  const enrollmentOf = (index: number) => createCaller({ db: over[index % over.length] ?? db, actor }).enrollment

  test('a hundred identical calls create one enrollment and one event', async () => {
    const pair = await newPair()
    const outcomes = await Promise.all(range(100).map((index) => enrollmentOf(index).enroll(pair)))
    expect(kinds(outcomes)).toEqual({ created: 1, unchanged: 99 })
    expect(new Set(outcomes.map(({ enrollment }) => JSON.stringify(enrollment))).size).toBe(1)
    expect(await enrollmentOf(0).history(pair)).toHaveLength(1)
  })

  test('a hundred identical reactivations make one event', async () => {
    const pair = await newPair()
    await enrollmentOf(0).enroll({ ...pair, isActive: false })
    const outcomes = await Promise.all(range(100).map((index) => enrollmentOf(index).enroll(pair)))
    expect(kinds(outcomes)).toEqual({ reactivated: 1, unchanged: 99 })
    expect(await enrollmentOf(0).history(pair)).toHaveLength(2)
  })

  test('three hundred callers get exactly fifty seats', async () => {
    const courseId = await addCourse(db, { max_enrollments: 50 })
    const learners = await addLearners(db, 300)
    const calls = learners.map(({ username }, index) => codeOf(enrollmentOf(index).enroll({ username, courseId })))
    expect(countOf(await Promise.all(calls))).toEqual({ created: 50, courseFull: 250 })
    const { items } = await enrollmentOf(0).search({ courseIds: [courseId], limit: 1000 })
    expect(items.filter(({ isActive }) => isActive)).toHaveLength(50)
  })

  test('seats that are left and taken at once are never more than there are', async () => {
    const courseId = await addCourse(db, { max_enrollments: 10 })
    const learners = (await addLearners(db, 20)).map(({ username }) => username)
    for (const username of learners.slice(0, 10)) await enrollmentOf(0).enroll({ username, courseId })
    const calls = learners.flatMap((username, index) => [
      codeOf(enrollmentOf(index).enroll({ username, courseId })),
      codeOf(enrollmentOf(index + 1).enroll({ username, courseId, isActive: false, whenEnrolled: 'update' })),
    ])
    const codes = countOf(await Promise.all(calls))
    const { items } = await enrollmentOf(0).search({ courseIds: [courseId], isActive: true, limit: 1000 })
    expect(items.length).toBeLessThanOrEqual(10)
    expect(
      Object.keys(codes).filter((code) => !/^(courseFull|unchanged|created|reactivated|deactivated)$/.test(code)),
    ).toEqual([])
  })

  test('fifty changes of one enrollment make fifty versions, each after the one before', async () => {
    const modes = range(50).map((index) => `mode-${index}`)
    const pair = { ...(await newPair()), courseId: await addCourse(db, { modes: ['audit', ...modes] }) }
    await enrollmentOf(0).enroll(pair)
    const changes = modes.map((mode, index) => codeOf(enrollmentOf(index).change({ ...pair, mode })))
    expect(countOf(await Promise.all(changes))).toEqual({ modeChanged: 50 })
    const history = await enrollmentOf(0).history(pair)
    expect(history.map(({ version }) => version)).toEqual(range(51).map((index) => index + 1))
    expect(history.slice(1).map(({ before }) => before)).toEqual(history.slice(0, -1).map(({ after }) => after))
    expect(history.at(-1)?.after).toMatchObject({ mode: (await enrollmentOf(0).get(pair))?.mode })
  })

  test('of changes that expect the same version one passes', async () => {
    const pair = await newPair()
    await enrollmentOf(0).enroll(pair)
    const changes = range(20).map((index) =>
      codeOf(enrollmentOf(index).change({ ...pair, mode: 'verified', expectedVersion: 1 })),
    )
    expect(countOf(await Promise.all(changes))).toEqual({ modeChanged: 1, versionConflict: 19 })
  })

  test('an allowance is claimed once', async () => {
    const courseId = await addCourse(db, { invitation_only: true })
    const learner = await addLearner(db)
    await addAllowance(db, learner.email, courseId)
    const pair = { username: learner.username, courseId }
    const outcomes = await Promise.all(range(50).map((index) => enrollmentOf(index).enroll(pair)))
    expect(kinds(outcomes)).toEqual({ created: 1, unchanged: 49 })
    const allowance = db.selectFrom('enrollment_allowances').select('claimed_by').where('course_key', '=', courseId)
    expect(await allowance.execute()).toEqual([{ claimed_by: learner.id }])
  })

  test('attributes are those of the call that wrote the enrollment', async () => {
    const pair = await newPair()
    const outcomes = await Promise.all(
      range(40).map((index) => {
        const attributes = range(3).map((n) => ({ namespace: 'call', name: String(n), value: String(index) }))
        return enrollmentOf(index).enroll({ ...pair, attributes })
      }),
    )
    const winner = outcomes.findIndex(({ kind }) => kind === 'created')
    const rows = db
      .selectFrom('enrollment_attributes')
      .select(['name', 'value'])
      .where('enrollment_id', '=', outcomes[0]?.enrollment.id ?? '')
      .orderBy('position')
    expect(await rows.execute()).toEqual(range(3).map((n) => ({ name: String(n), value: String(winner) })))
  })
})

test('an allowance that another account claims meanwhile lets nobody else in', async () => {
  const courseId = await addCourse(db, { invitation_only: true })
  const [learner, other] = [await addLearner(db), await addLearner(db)]
  await addAllowance(db, learner.email, courseId)
  const claiming = await db.startTransaction().execute()
  const allowance = claiming.updateTable('enrollment_allowances').where('course_key', '=', courseId)
  await allowance.set({ claimed_by: other.id }).execute()
  const call = codeOf(createCaller({ db, actor }).enrollment.enroll({ username: learner.username, courseId }))
  await eventually(async () => {
    const { rows } = await sql`
      select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
    expect(rows).toHaveLength(1)
  })
  await claiming.commit().execute()
  expect(await call).toBe('enrollmentClosed')
  const { claimed_by: owner } = await db
    .selectFrom('enrollment_allowances')
    .select('claimed_by')
    .where('course_key', '=', courseId)
    .executeTakeFirstOrThrow()
  expect(owner).toBe(other.id)
})

async function newPair() {
  return { username: (await addLearner(db)).username, courseId: await addCourse(db) }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

function kinds(outcomes: readonly Outcome[]): Record<string, number> {
  return countOf(outcomes.map(({ kind }) => kind))
}

function countOf(names: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, group]) => [name, group.length]))
}

/** What a call came to: the kind of its outcome, or the code of its error. */
function codeOf(call: Promise<Outcome>): Promise<string> {
  return call.then(
    ({ kind }) => kind,
    (error: unknown) => enrollmentErrorFrom(error)?.code ?? String(error),
  )
}
