import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { getEnrollment } from '../../../core/enrollment/read.ts'
import { readHistory } from '../../../core/event/read.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { exportAll, importAll } from '../../support/transfer.ts'

let database: TestDatabase
let courseId: string

beforeAll(async () => {
  database = await createTestDatabase()
  courseId = await addCourse(database.db)
})
afterAll(() => database[Symbol.asyncDispose]())

const FIRST = new Date('2026-03-01T12:00:00.000Z')
const SECOND = new Date('2026-03-02T12:00:00.000Z')

/** A new learner with the lines that enroll them, and what became of them. */
async function learner() {
  const { username } = await addLearner(database.db)
  return {
    line: (more: object = {}) => ({ type: 'enrollment', username, courseId, mode: 'audit', ...more }),
    row: () => getEnrollment(database.db, { username }, courseId),
    events: () => readHistory(database.db, { username }, courseId),
    attributes: () =>
      database.db
        .selectFrom('enrollment_attributes as a')
        .innerJoin('enrollments as e', 'e.id', 'a.enrollment_id')
        .innerJoin('learners as l', 'l.id', 'e.learner_id')
        .select(['a.namespace', 'a.name', 'a.value'])
        .where('l.username', '=', username)
        .orderBy('a.position')
        .execute(),
  }
}

describe('an imported enrollment leaves the event that any other change leaves', () => {
  test.each([
    [
      'created',
      null,
      { mode: 'audit', isActive: true },
      { kind: 'created', before: null, after: { mode: 'audit', isActive: true } },
    ],
    [
      'created inactive',
      null,
      { mode: 'audit', isActive: false },
      { kind: 'created', before: null, after: { mode: 'audit', isActive: false } },
    ],
    [
      'reactivated, in another mode',
      { mode: 'audit', isActive: false },
      { mode: 'verified' },
      {
        kind: 'reactivated',
        before: { mode: 'audit', isActive: false },
        after: { mode: 'verified', isActive: true },
      },
    ],
    [
      'deactivated',
      { mode: 'audit' },
      { mode: 'audit', isActive: false },
      { kind: 'deactivated', before: { mode: 'audit', isActive: true }, after: { mode: 'audit', isActive: false } },
    ],
    [
      'mode changed',
      { mode: 'audit' },
      { mode: 'verified' },
      { kind: 'modeChanged', before: { mode: 'audit', isActive: true }, after: { mode: 'verified', isActive: true } },
    ],
    [
      'mode changed while inactive',
      { mode: 'audit', isActive: false },
      { mode: 'verified', isActive: false },
      {
        kind: 'modeChanged',
        before: { mode: 'audit', isActive: false },
        after: { mode: 'verified', isActive: false },
      },
    ],
  ])('%s', async (_name, earlier, asked, expected) => {
    const { line, row, events } = await learner()
    if (earlier !== null) await importAll(database.db, [line(earlier)], { now: FIRST })
    expect(await importAll(database.db, [line(asked)], { now: SECOND })).toMatchObject({ kept: 1, written: 1 })
    const version = earlier === null ? 1 : 2
    expect((await events()).at(-1)).toMatchObject({
      ...expected,
      version,
      actor: { kind: 'system', name: 'import' },
      via: 'cli',
      at: '2026-03-02T12:00:00Z',
      reason: null,
    })
    expect(await row()).toMatchObject({
      ...expected.after,
      version,
      created: earlier === null ? '2026-03-02T12:00:00Z' : '2026-03-01T12:00:00Z',
      updated: '2026-03-02T12:00:00Z',
    })
  })

  test('and none where nothing changes', async () => {
    const { line, row, events } = await learner()
    await importAll(database.db, [line()], { now: FIRST })
    const before = await row()
    expect(await importAll(database.db, [line()], { now: SECOND })).toMatchObject({ kept: 1, written: 0 })
    expect(await row()).toEqual(before)
    expect(await events()).toHaveLength(1)
  })

  test('no rule is asked: window, invitation, seats, modes', async () => {
    const closed = await addCourse(database.db, {
      enrollment_end: '2020-01-01T00:00:00Z',
      invitation_only: true,
      max_enrollments: 0,
      modes: [],
    })
    const { line } = await learner()
    expect(await importAll(database.db, [line({ courseId: closed, mode: 'masters' })])).toMatchObject({ kept: 1 })
  })
})

describe('created', () => {
  test('is what the line says, to the microsecond', async () => {
    const { line, row, events } = await learner()
    await importAll(database.db, [line({ created: '2019-05-06T07:08:09.123456+00:00' })], { now: FIRST })
    expect(await row()).toMatchObject({ created: '2019-05-06T07:08:09.123456Z', updated: '2026-03-01T12:00:00Z' })
    expect(await events()).toMatchObject([{ at: '2026-03-01T12:00:00Z' }])
  })

  test('of an enrollment that exists is corrected where the line names another, which is no change of it', async () => {
    const { line, row, events } = await learner()
    await importAll(database.db, [line()], { now: FIRST })
    const before = await row()
    const corrected = line({ created: '2019-05-06T07:08:09Z' })
    expect(await importAll(database.db, [corrected], { now: SECOND })).toMatchObject({ written: 1 })
    expect(await row()).toEqual({ ...before, created: '2019-05-06T07:08:09Z' })
    expect(await importAll(database.db, [line(), corrected], { now: SECOND })).toMatchObject({ written: 0 })
    expect(await row()).toMatchObject({ created: '2019-05-06T07:08:09Z' })
    expect(await events()).toHaveLength(1)
  })
})

describe('attributes', () => {
  const credit = { namespace: 'credit', name: 'provider_id', value: 'hogwarts' }
  const order = { namespace: 'order', name: 'number', value: '7' }

  test('replace those that are there; a line without any leaves them', async () => {
    const { line, attributes, row, events } = await learner()
    await importAll(database.db, [line({ attributes: [credit, order] })], { now: FIRST })
    expect(await attributes()).toEqual([credit, order])
    const before = await row()

    expect(await importAll(database.db, [line()])).toMatchObject({ written: 0 })
    expect(await importAll(database.db, [line({ attributes: [credit, order] })])).toMatchObject({ written: 0 })
    expect(await attributes()).toEqual([credit, order])

    expect(await importAll(database.db, [line({ attributes: [order, credit] })])).toMatchObject({ written: 1 })
    expect(await attributes()).toEqual([order, credit])
    expect(await importAll(database.db, [line({ attributes: [] })])).toMatchObject({ written: 1 })
    expect(await attributes()).toEqual([])
    expect(await row()).toEqual(before)
    expect(await events()).toHaveLength(1)
  })

  test('come with a change of mode', async () => {
    const { line, attributes, events } = await learner()
    await importAll(database.db, [line({ attributes: [order] }), line({ mode: 'credit', attributes: [credit] })])
    expect(await attributes()).toEqual([credit])
    expect(await events()).toMatchObject([{ kind: 'created' }, { kind: 'modeChanged', version: 2 }])
  })
})

test('lines of one enrollment in one piece come to what they come to one after another', async () => {
  await using together = await createTestDatabase()
  await using apart = await createTestDatabase()
  const line = fc.record(
    {
      type: fc.constant('enrollment'),
      username: fc.constantFrom('a', 'b'),
      courseId: fc.constantFrom('course-v1:a+b+c', 'course-v1:a+b+d'),
      mode: fc.constantFrom('audit', 'verified'),
      isActive: fc.boolean(),
      created: fc.constantFrom('2020-01-01T00:00:00Z', '2021-01-01T00:00:00.000001Z'),
      attributes: fc.array(fc.constant({ namespace: 'n', name: 'm', value: 'v' }), { maxLength: 2 }),
    },
    { requiredKeys: ['type', 'username', 'courseId', 'mode'] },
  )
  for (const { db } of [together, apart]) {
    await importAll(db, [
      ...['a', 'b'].map((username) => ({ type: 'user', username, email: null })),
      ...['c', 'd'].map((run) => ({ type: 'course', courseId: `course-v1:a+b+${run}` })),
    ])
  }
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 10 }), async (lines) => {
      await importAll(together.db, lines)
      for (const each of lines) await importAll(apart.db, [each])
      expect(await exportAll(together.db)).toBe(await exportAll(apart.db))
      expect(await eventsOf(together)).toEqual(await eventsOf(apart))
    }),
    { numRuns: 25 },
  )
})

test('two imports of the same lines at once: each change happens once', async () => {
  const people = await Promise.all(Array.from({ length: 20 }, learner))
  const lines = people.map(({ line }) => line())
  const verified = people.map(({ line }) => line({ mode: 'verified' })).toReversed()
  const counts = await Promise.all([lines, lines.toReversed(), lines].map((file) => importAll(database.db, file)))
  expect(counts.reduce((sum, { written }) => sum + written, 0)).toBe(20)
  await Promise.all([verified, verified.toReversed()].map((file) => importAll(database.db, file)))
  for (const { events } of people) {
    expect(await events()).toMatchObject([
      { kind: 'created', version: 1 },
      { kind: 'modeChanged', version: 2 },
    ])
  }
})

async function eventsOf({ db }: TestDatabase) {
  return db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .select([
      'e.learner_id',
      'e.course_id',
      'v.version',
      'v.kind',
      'v.before_mode',
      'v.after_mode',
      'v.after_is_active',
    ])
    .orderBy('e.learner_id')
    .orderBy('e.course_id')
    .orderBy('v.version')
    .execute()
}
