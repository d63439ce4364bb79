import { afterAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { callerOf, errorOf, refusalOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = callerOf(db)

describe('a batch', () => {
  test('answers each item in its place, with its ref, and counts what came out', async () => {
    const [courseId, full] = [await addCourse(db), await addCourse(db, { max_enrollments: 0 })]
    const [ann, bea, cleo] = await names(3)
    await enrollment.enroll({ username: cleo, courseId })
    const answer = await enrollment.enrollMany({
      items: [
        { username: ann, courseId, ref: 'row 1' },
        { username: 'nobody', courseId, ref: 'row 2' },
        { username: bea, courseId },
        { username: bea, courseId: full, ref: '' },
        { username: bea, courseId: 'no key' },
        { username: cleo, courseId, ref: 'row 6' },
      ],
    })
    expect(answer).toMatchObject({
      batchId: expect.stringMatching(/^[\da-f-]{36}$/),
      status: 'applied',
      counts: { created: 2, learnerNotFound: 1, courseFull: 1, invalidCourseKey: 1, unchanged: 1 },
    })
    expect(answer.results.map((result) => [result.index, result.ref, result.ok])).toEqual([
      [0, 'row 1', true],
      [1, 'row 2', false],
      [2, undefined, true],
      [3, '', false],
      [4, undefined, false],
      [5, 'row 6', true],
    ])
    expect(answer.results[1]).toEqual({
      index: 1,
      ref: 'row 2',
      ok: false,
      error: { code: 'learnerNotFound', message: expect.stringContaining('nobody'), details: { username: 'nobody' } },
    })
    expect(answer.results[2]).toMatchObject({
      ok: true,
      outcome: { kind: 'created', enrollment: { username: bea, version: 1 } },
    })
    expect('ref' in (answer.results[2] ?? {})).toBe(false)
    expect(sum(answer.counts)).toBe(6)
    expect(await enrollment.get({ username: ann, courseId })).toMatchObject({ isActive: true })
  })

  test('marks its events with its id, and single calls are marked with none', async () => {
    const [courseId, [username, single]] = [await addCourse(db), await names(2)]
    const { batchId } = await enrollment.enrollMany({ items: [{ username, courseId, reason: 'cohort 7' }] })
    await enrollment.enroll({ username: single, courseId })
    const [event] = await enrollment.history({ username, courseId })
    expect(event).toMatchObject({ batchId, reason: 'cohort 7', via: 'caller' })
    expect(await enrollment.history({ username: single, courseId })).toMatchObject([{ batchId: null }])
  })

  test('takes learners by username, e-mail address and id side by side', async () => {
    const courseId = await addCourse(db)
    const [ann, bea, cleo] = await addLearners(db, 3)
    const { results } = await enrollment.enrollMany({
      items: [
        { username: ann?.username ?? '', courseId },
        { email: ` ${bea?.email.toUpperCase()} `, courseId },
        { userId: String(cleo?.id), courseId },
      ],
    })
    expect(results.map((result) => result.ok && result.outcome.enrollment.username)).toEqual([
      ann?.username,
      bea?.username,
      cleo?.username,
    ])
  })

  test('gives a course run’s free seats in the order of the items, exactly', async () => {
    const courseId = await addCourse(db, { max_enrollments: 3 })
    const [first, ...others] = await names(6)
    await enrollment.enroll({ username: first, courseId })
    const answer = await enrollment.enrollMany({ items: others.map((username) => ({ username, courseId })) })
    expect(answer.results.map(({ ok }) => ok)).toEqual([true, true, false, false, false])
    expect(answer.counts).toEqual({ created: 2, courseFull: 3 })
  })

  test('gives a seat that it frees itself to the next item', async () => {
    const courseId = await addCourse(db, { max_enrollments: 1 })
    const [ann, bea, cleo] = await names(3)
    await enrollment.enroll({ username: ann, courseId })
    const { results } = await enrollment.enrollMany({
      items: [
        { username: bea, courseId },
        { username: ann, courseId, isActive: false, whenEnrolled: 'update' },
        { username: bea, courseId },
        { username: cleo, courseId },
      ],
    })
    expect(results.map((result) => (result.ok ? result.outcome.kind : result.error.code))).toEqual([
      'courseFull',
      'deactivated',
      'created',
      'courseFull',
    ])
  })

  test('lets the second of the same pair see the first', async () => {
    const [courseId, [username]] = [await addCourse(db), await names(1)]
    const { results, counts } = await enrollment.enrollMany({
      items: [
        { username, courseId },
        { username, courseId, mode: 'verified' },
        { username, courseId, mode: 'verified', whenEnrolled: 'update', reason: 'third' },
        { username, courseId, isActive: false, whenEnrolled: 'update' },
      ],
    })
    expect(results.map((result) => result.ok && [result.outcome.kind, result.outcome.enrollment.version])).toEqual([
      ['created', 1],
      ['unchanged', 1],
      ['modeChanged', 2],
      ['deactivated', 3],
    ])
    expect(counts).toEqual({ created: 1, unchanged: 1, modeChanged: 1, deactivated: 1 })
    const told = results.flatMap((result) => (result.ok && result.outcome.eventId ? [result.outcome.eventId] : []))
    const history = await enrollment.history({ username, courseId })
    expect(history.map(({ id }) => id)).toEqual(told)
    expect(history.map(({ version, before, after, reason }) => [version, before?.mode, after.mode, reason])).toEqual([
      [1, undefined, 'audit', null],
      [2, 'audit', 'verified', 'third'],
      [3, 'verified', 'verified', null],
    ])
    expect(await enrollment.get({ username, courseId })).toMatchObject({ version: 3, isActive: false })
  })
})

describe('a malformed item fails alone', () => {
  test.each([
    ['a text that is no course key', { courseId: 'no key' }, 'invalidCourseKey'],
    ['a course key of no course run', { courseId: 'course-v1:No+Such+Course' }, 'courseNotFound'],
    ['a course key with a NUL', { courseId: 'course-v1:a\0+b+c' }, 'invalidCourseKey'],
    ['an empty username', { username: '' }, 'learnerNotFound'],
    ['a username that nobody can have', { username: 'x'.repeat(151) }, 'learnerNotFound'],
    ['a username with a NUL', { username: 'a\0' }, 'learnerNotFound'],
    ['an id that is none', { username: undefined, userId: '1e3' }, 'learnerNotFound'],
    ['an id beyond every account', { username: undefined, userId: '99999999999999999999' }, 'learnerNotFound'],
    ['an e-mail address of blanks', { username: undefined, email: ' ' }, 'learnerNotFound'],
    ['an attribute without a value', { attributes: [{ namespace: 'a', name: 'b' }] }, 'invalidAttribute'],
    ['a mode that nobody offers', { mode: '__proto__' }, 'modeUnavailable'],
  ])('%s', async (_, fault, code) => {
    const [courseId, [ann, bea]] = [await addCourse(db), await names(2)]
    const items = [
      { username: ann, courseId },
      { username: ann, courseId, ...fault },
      { username: bea, courseId },
    ]
    const { results, counts } = await enrollment.enrollMany({ items })
    expect(results.map((result) => (result.ok ? result.outcome.kind : result.error.code))).toEqual([
      'created',
      code,
      'created',
    ])
    expect(counts).toEqual({ created: 2, [code]: 1 })
  })
})

describe('the size of a batch', () => {
  test('of 10 001 is refused before any item is looked at', async () => {
    const items = Array.from({ length: 10_001 }, () => ({ username: 7 as unknown as string, courseId: '' }))
    expect(await refusalOf(enrollment.enrollMany({ items }))).toEqual({
      trpc: 'PAYLOAD_TOO_LARGE',
      code: 'batchTooLarge',
      details: { limit: 10_000 },
    })
  })

  test('of 10 000 is done', async () => {
    const courseId = await addCourse(db)
    const items = (await names(10_000)).map((username) => ({ username, courseId }))
    const { counts } = await enrollment.enrollMany({ items })
    expect(counts).toEqual({ created: 10_000 })
    expect((await enrollment.enrollMany({ items })).counts).toEqual({ unchanged: 10_000 })
  })

  test('of none is malformed', async () => {
    expect((await errorOf(enrollment.enrollMany({ items: [] }))).code).toBe('BAD_REQUEST')
  })
})

async function names(count: number): Promise<[string, string, string, ...string[]]> {
  return (await addLearners(db, count)).map(({ username }) => username) as [string, string, string]
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}
