import { TRPCError } from '@trpc/server'
import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { createCaller, defaultPolicy, enrollmentErrorFrom, EnrollmentError } from '../../routers/index.ts'
import { createTestDatabase } from '../support/database.ts'
import { addAllowance, addCourse, addLearner } from '../support/seed.ts'
import { ACTOR, callerOf, errorOf, refusalOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment, course } = callerOf(db)

const courseId = await addCourse(db)
const { username } = await addLearner(db)
const unknownCourse = 'course-v1:No+Such+Course'
const past = '2020-01-01T00:00:00Z'
const future = '2099-01-01T00:00:00Z'

describe('an error has a code, the code of tRPC and details (rpc §4)', () => {
  test.each([[{ username: 'nobody' }], [{ email: 'no@body' }], [{ userId: '2147483647' }], [{ userId: 'x' }]])(
    'learnerNotFound: %o',
    async (learner) => {
      const refusal = { trpc: 'NOT_FOUND', code: 'learnerNotFound', details: learner }
      expect(await refusalOf(enrollment.enroll({ ...learner, courseId }))).toEqual(refusal)
      expect(await refusalOf(enrollment.change({ ...learner, courseId, isActive: true }))).toEqual(refusal)
      expect(await refusalOf(enrollment.unenrollAll(learner))).toEqual(refusal)
    },
  )

  test('courseNotFound', async () => {
    const refusal = { trpc: 'NOT_FOUND', code: 'courseNotFound', details: { courseId: unknownCourse } }
    expect(await refusalOf(enrollment.enroll({ username, courseId: unknownCourse }))).toEqual(refusal)
    expect(await refusalOf(enrollment.change({ username, courseId: unknownCourse, mode: 'audit' }))).toEqual(refusal)
    expect(await refusalOf(course.get({ courseId: unknownCourse }))).toEqual(refusal)
  })

  test.each([
    ['empty', ''],
    ['none', 'no key'],
    ['incomplete', 'course-v1:a+b'],
    ['with a NUL', 'course-v1:a\0+b+c'],
    ['long', 'x'.repeat(10_000)],
  ])('invalidCourseKey: %s', async (_, text) => {
    const refusal = { trpc: 'BAD_REQUEST', code: 'invalidCourseKey', details: { courseId: shown(text) } }
    expect(await refusalOf(enrollment.enroll({ username, courseId: text }))).toEqual(refusal)
    expect(await refusalOf(enrollment.change({ username, courseId: text, mode: 'audit' }))).toEqual(refusal)
    expect(await refusalOf(enrollment.get({ username, courseId: text }))).toEqual(refusal)
    expect(await refusalOf(enrollment.history({ username, courseId: text }))).toEqual(refusal)
    expect(await refusalOf(course.get({ courseId: text }))).toEqual(refusal)
  })

  test('modeUnavailable', async () => {
    const offering = await addCourse(db, { modes: ['audit', 'audit-2', ['verified', past]] })
    const details = { available: ['audit', 'audit-2'], includeExpired: false }
    const refusal = { trpc: 'PRECONDITION_FAILED', code: 'modeUnavailable' }
    expect(await refusalOf(enrollment.enroll({ username, courseId: offering, mode: 'masters' }))).toEqual({
      ...refusal,
      details: { ...details, mode: 'masters', expired: false },
    })
    expect(await refusalOf(enrollment.enroll({ username, courseId: offering, mode: 'verified' }))).toEqual({
      ...refusal,
      details: { ...details, mode: 'verified', expired: true },
    })
  })

  test.each([
    ['notStarted', { enrollment_start: future }],
    ['ended', { enrollment_end: past }],
    ['invitationOnly', { invitation_only: true }],
  ])('enrollmentClosed: %s', async (because, columns) => {
    const closed = await addCourse(db, columns)
    expect(await refusalOf(enrollment.enroll({ username, courseId: closed }))).toEqual({
      trpc: 'PRECONDITION_FAILED',
      code: 'enrollmentClosed',
      details: { because },
    })
  })

  test('enrollmentClosed: allowanceTaken', async () => {
    const open = await addCourse(db)
    const [other, learner] = [await addLearner(db), await addLearner(db)]
    await addAllowance(db, learner.email, open, other.id)
    expect(await refusalOf(enrollment.enroll({ username: learner.username, courseId: open }))).toEqual({
      trpc: 'PRECONDITION_FAILED',
      code: 'enrollmentClosed',
      details: { because: 'allowanceTaken' },
    })
  })

  test('ownedByLms', async () => {
    const elsewhere = await addCourse(db, { owner: 'lms' })
    expect(await refusalOf(enrollment.enroll({ username, courseId: elsewhere }))).toEqual({
      trpc: 'CONFLICT',
      code: 'ownedByLms',
      details: { courseId: elsewhere },
    })
  })

  test('courseFull', async () => {
    const full = await addCourse(db, { max_enrollments: 0 })
    expect(await refusalOf(enrollment.enroll({ username, courseId: full }))).toEqual({
      trpc: 'PRECONDITION_FAILED',
      code: 'courseFull',
      details: { limit: 0 },
    })
  })

  test('vetoed', async () => {
    const check = () => ({ veto: 'Ask your manager first.' })
    const policy = { ...defaultPolicy, filters: [{ name: 'managers', check }] }
    const site = callerOf(db, { policy })
    const learner = await addLearner(db)
    expect(await refusalOf(site.enrollment.enroll({ username: learner.username, courseId }))).toEqual({
      trpc: 'FORBIDDEN',
      code: 'vetoed',
      details: { by: 'managers', message: 'Ask your manager first.' },
    })
  })

  test('notEnrolled, modeMismatch, versionConflict, missingAttributes and invalidAttribute', async () => {
    const offering = await addCourse(db, { modes: ['audit', 'credit'] })
    const change = { username, courseId: offering }
    expect(await refusalOf(enrollment.change({ ...change, isActive: false }))).toEqual({
      trpc: 'NOT_FOUND',
      code: 'notEnrolled',
      details: { courseId: offering },
    })
    await enrollment.enroll(change)
    expect(await refusalOf(enrollment.change({ ...change, isActive: false, mode: 'credit' }))).toEqual({
      trpc: 'CONFLICT',
      code: 'modeMismatch',
      details: { activeMode: 'audit', requestedMode: 'credit' },
    })
    expect(await refusalOf(enrollment.change({ ...change, isActive: false, expectedVersion: 7 }))).toEqual({
      trpc: 'CONFLICT',
      code: 'versionConflict',
      details: { expected: 7, actual: 1 },
    })
    const attributes = [{ namespace: 'a', name: 'b', value: 'c' }]
    expect(await refusalOf(enrollment.change({ ...change, mode: 'credit', attributes }))).toEqual({
      trpc: 'BAD_REQUEST',
      code: 'missingAttributes',
      details: { mode: 'credit', required: ['credit:provider_id'], missing: ['credit:provider_id'] },
    })
    const incomplete = JSON.parse('[{"namespace":"a","name":"b"}]')
    expect(await refusalOf(enrollment.enroll({ ...change, attributes: incomplete }))).toEqual({
      trpc: 'BAD_REQUEST',
      code: 'invalidAttribute',
      details: { missing: 'value' },
    })
  })
})

test('the error of core arrives as the cause, the very instance', async () => {
  const error = await errorOf(enrollment.enroll({ username: 'nobody', courseId }))
  const domain = enrollmentErrorFrom(error)
  expect(domain).toBeInstanceOf(EnrollmentError)
  expect(domain).toBe(error.cause)
  expect(domain?.stack).toContain('core/enrollment')
  expect(domain?.message).toBe(error.message)
  expect(enrollmentErrorFrom(domain)).toBe(domain)
})

test.each([undefined, null, 'text', {}, new Error('x'), new TRPCError({ code: 'CONFLICT' })])(
  'no error of the domain is found in %o',
  (error) => {
    expect(enrollmentErrorFrom(error)).toBeUndefined()
  },
)

const GONE = [
  Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }),
  Object.assign(new Error('terminating connection'), { code: '57P01' }),
  Object.assign(new Error('could not serialize access'), { code: '40001' }),
  new Error('Connection terminated unexpectedly'),
  new Error('Client has encountered a connection error and is not queryable'),
  new Error('Postgres connection has been discarded'),
  new Error('Transaction is already rolled back'),
  new AggregateError([new Error('x'), Object.assign(new Error('y'), { code: 'ECONNREFUSED' })]),
]

test.each(GONE)('a database that is gone is `unavailable`, alone and as the cause of an error of tRPC: %o', (error) => {
  for (const thrown of [error, new TRPCError({ code: 'INTERNAL_SERVER_ERROR', cause: error })]) {
    const told = enrollmentErrorFrom(thrown)
    expect(told).toBeInstanceOf(EnrollmentError)
    expect(told?.failure).toMatchObject({ code: 'unavailable', details: {} })
    expect(told?.cause).toBe(error)
  }
})

test('what nobody expected tells nothing of the database, and the log everything', async () => {
  await using broken = await createTestDatabase()
  const logged: object[] = []
  const log = { debug: () => {}, error: (fields: object) => logged.push(fields) }
  await sql`drop table enrollment_events cascade`.execute(broken.db)
  const error = await errorOf(createCaller({ db: broken.db, actor: ACTOR, log }).events.list({}))
  expect(error).toMatchObject({ code: 'INTERNAL_SERVER_ERROR', message: 'Internal server error' })
  expect(enrollmentErrorFrom(error)).toBeUndefined()
  expect(logged).toMatchObject([
    { path: 'events.list', err: { message: expect.stringContaining('enrollment_events') } },
  ])
})

/** A text of the input in an error (rpc §4). */
function shown(text: string): string {
  return text.length > 255 ? `${text.slice(0, 254)}…` : text
}
