import { afterAll, describe, expect, test } from 'vitest'
import { createCaller, type EnrollmentFilter } from '../../../routers/index.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { addEnrollment, enrollmentInWords } from '../../support/world.ts'
import { uuidOf } from '../acme.ts'
import { contextOf, done, enroll, FUTURE, kindsOf, NOW, PAST, refused } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { linkInWords, recordOf } from '../state.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)

const OPEN = {}
const CLOSED = { enrollment_end: PAST }
const NOT_BEGUN = { enrollment_start: FUTURE }
const INVITATION = { invitation_only: true }
const FULL = { max_enrollments: 0 }

type Columns = NonNullable<Parameters<typeof addCourse>[1]>
type State = 'none' | `${'active' | 'inactive'} ${'audit' | 'verified'}`

/** Rows of enterprise C.4 by number, where verified is the mode that is asked for, being the best. */
const accepted: [string, State, Columns, boolean, string, { created: boolean; events: string[] }][] = [
  ['1', 'none', OPEN, false, 'created', { created: true, events: ['created'] }],
  ['3', 'none', CLOSED, true, 'created', { created: true, events: ['created'] }],
  ['3', 'none', NOT_BEGUN, true, 'created', { created: true, events: ['created'] }],
  ['3', 'none', INVITATION, true, 'created', { created: true, events: ['created'] }],
  ['7', 'active verified', OPEN, false, 'unchanged', { created: false, events: [] }],
  ['7', 'active verified', CLOSED, false, 'unchanged', { created: false, events: [] }],
  ['7', 'active verified', FULL, true, 'unchanged', { created: false, events: [] }],
  ['8', 'active audit', OPEN, false, 'modeChanged', { created: false, events: ['modeChanged'] }],
  ['8', 'active audit', CLOSED, false, 'modeChanged', { created: false, events: ['modeChanged'] }],
  ['8', 'active audit', FULL, false, 'modeChanged', { created: false, events: ['modeChanged'] }],
  ['10', 'inactive verified', OPEN, false, 'reactivated', { created: true, events: ['reactivated'] }],
  ['11', 'inactive audit', OPEN, false, 'reactivated', { created: true, events: ['reactivated'] }],
  ['12', 'inactive verified', CLOSED, false, 'reactivated', { created: true, events: ['reactivated'] }],
  ['12', 'inactive audit', FULL, false, 'reactivated', { created: true, events: ['reactivated'] }],
]

const refusedRows: [string, State, Columns, boolean, string][] = [
  ['2', 'none', CLOSED, false, 'enrollmentClosed'],
  ['2', 'none', NOT_BEGUN, false, 'enrollmentClosed'],
  ['2', 'none', INVITATION, false, 'enrollmentClosed'],
  ['4', 'none', FULL, false, 'courseFull'],
  ['5', 'none', FULL, true, 'courseFull'],
  ['6', 'none', { modes: ['masters'] }, true, 'modeNotAvailable'],
]

describe('an enrollment of somebody who has an account', () => {
  test.each(accepted)('row %s: %s, %j, force %s is %s', async (_, state, columns, force, kind, expected) => {
    const { courseId, learner } = await situation(state, columns)
    const row = await done(db, customer, { userId: String(learner.id), courseId, force })
    expect(row).toMatchObject({ kind, created: expected.created, after: { mode: 'verified', isActive: true } })
    expect(await enrollmentInWords(db, learner.id, courseId)).toBe('active verified')
    const events = await historyOf(learner.username, courseId)
    expect(events.map((event) => event.kind)).toEqual(expected.events)
    expect(row.events).toEqual(events.map(({ id }) => id))
    expect(await linkInWords(db, customer, learner.id)).toBe('active')
    expect(await recordOf(db, customer, learner.id, courseId)).toMatchObject({
      source: 'customerAdmin',
      enrollment_version: row.version,
    })
  })

  test.each(refusedRows)('row %s: %s, %j, force %s is refused: %s', async (_, state, columns, force, code) => {
    const { courseId, learner } = await situation(state, columns)
    expect(await refused(db, customer, { userId: String(learner.id), courseId, force })).toMatchObject({
      code,
      retryable: false,
    })
    expect(await enrollmentInWords(db, learner.id, courseId)).toBe(null)
    expect(await linkInWords(db, customer, learner.id)).toBe(null)
  })

  test('row 9: a change to a mode that has expired is refused', async () => {
    const courseId = await addCourse(db, { modes: ['audit', ['verified', PAST]] })
    const learner = await addLearner(db)
    await addEnrollment(db, learner.id, courseId)
    const row = await refused(db, customer, { userId: String(learner.id), courseId, mode: 'verified' })
    expect(row).toMatchObject({ code: 'modeNotAvailable', details: { mode: 'verified', available: ['audit'] } })
    expect(await enrollmentInWords(db, learner.id, courseId)).toBe('active audit')
  })

  test('row 12: over the capacity is said, in a course run that was merely closed not', async () => {
    const [full, closed] = [await situation('inactive verified', FULL), await situation('inactive verified', CLOSED)]
    const rows = [full, closed].map(({ learner, courseId }) => ({ userId: String(learner.id), courseId }))
    const outcomes = (await enroll(db, customer, rows)).rows
    expect(outcomes[0]).toHaveProperty('overCapacity', true)
    expect(outcomes[1]).not.toHaveProperty('overCapacity')
  })

  test('rows 14 and 15: an unknown course run and a malformed key are refused', async () => {
    const userId = String((await addLearner(db)).id)
    const rows = ['course-v1:No+Such+Course', 'no key', 'nul\0/a/b', 'x'.repeat(300)].map((courseId) => ({
      userId,
      courseId,
    }))
    expect(kindsOf(await enroll(db, customer, rows))).toEqual([
      'courseNotFound',
      'invalidCourseKey',
      'invalidCourseKey',
      'invalidCourseKey',
    ])
  })

  test('row 16: a veto of the site is refused with its reason', async () => {
    const { courseId, learner } = await situation('none', OPEN)
    const veto: EnrollmentFilter = { name: 'partners', check: () => ({ veto: 'For partners only.' }) }
    const policy = { defaultMode: 'audit', legacyKeysInvitationOnly: false, filters: [veto] }
    const request = { customer: customer.uuid, rows: [{ userId: String(learner.id), courseId }] }
    expect((await enrollLearners(contextOf(db, { policy }), request)).rows).toMatchObject([
      { code: 'vetoed', details: { by: 'partners', message: 'For partners only.' } },
    ])
    expect(await linkInWords(db, customer, learner.id)).toBe(null)
  })
})

describe('the mode', () => {
  test.each<[string[], string]>([
    [['honor', 'audit', 'no-id-professional', 'professional', 'verified'], 'verified'],
    [['honor', 'audit', 'no-id-professional', 'professional'], 'professional'],
    [['honor', 'audit', 'no-id-professional'], 'no-id-professional'],
    [['honor', 'audit', 'masters'], 'audit'],
    [['honor', 'unpaid-executive-education'], 'honor'],
    [['unpaid-executive-education', 'masters'], 'unpaid-executive-education'],
    [[], 'audit'],
  ])('of %j is %s', async (modes, mode) => {
    const courseId = await addCourse(db, { modes })
    const { id } = await addLearner(db)
    expect((await done(db, customer, { userId: String(id), courseId })).after).toEqual({ mode, isActive: true })
  })

  test('is the one that the row names', async () => {
    const { courseId, learner } = await situation('none', OPEN)
    const row = await done(db, customer, { userId: String(learner.id), courseId, mode: 'audit' })
    expect(row.after).toEqual({ mode: 'audit', isActive: true })
  })

  test('is the site’s own where nothing else is offered', async () => {
    const courseId = await addCourse(db, { modes: [] })
    const { id } = await addLearner(db)
    const policy = { defaultMode: 'honor', legacyKeysInvitationOnly: false }
    const request = { customer: customer.uuid, rows: [{ userId: String(id), courseId }] }
    const { rows } = await enrollLearners(contextOf(db, { policy }), request)
    expect(rows).toMatchObject([{ after: { mode: 'honor', isActive: true } }])
  })
})

describe('the events', () => {
  test('carry customer, actor, reason and request', async () => {
    const { courseId, learner } = await situation('none', OPEN)
    const request = { customer: customer.uuid, rows: [{ userId: String(learner.id), courseId }], reason: 'spring' }
    await enrollLearners(contextOf(db, { requestId: 'request-1' }), request)
    expect(await historyOf(learner.username, courseId)).toMatchObject([
      {
        actor: { kind: 'user', name: 'admin' },
        reason: 'spring',
        enterpriseUuid: customer.uuid,
        requestId: 'request-1',
        at: '2026-03-01T12:00:00Z',
      },
    ])
  })

  test('lead to the batch where nobody names the request', async () => {
    const { courseId, learner } = await situation('none', OPEN)
    const answer = await enroll(db, customer, [
      { userId: String(learner.id), courseId, funding: { license: uuidOf('L') } },
    ])
    expect(answer.requestId).toBe(answer.batchId)
    expect(await historyOf(learner.username, courseId)).toMatchObject([{ requestId: answer.batchId }])
  })
})

async function situation(state: State, columns: Columns) {
  const courseId = await addCourse(db, columns)
  const learner = await addLearner(db)
  if (state !== 'none') {
    const [activity, mode] = state.split(' ')
    await addEnrollment(db, learner.id, courseId, { mode: mode ?? '', is_active: activity === 'active' })
  }
  return { courseId, learner }
}

function historyOf(username: string, courseId: string) {
  return createCaller({ ...contextOf(db), now: () => NOW }).enrollment.history({ username, courseId })
}
