import { afterAll, describe, expect, test } from 'vitest'
import { addCourse, addLearner } from '../../support/seed.ts'
import { license, transaction, uuidOf } from '../acme.ts'
import { done, enroll, FUTURE, PAST, refused, type RowRequest } from '../calls.ts'
import { addCustomer, addPending, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn, pendingOf } from '../state.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
let addresses = 0

type Funding = RowRequest['funding']
const L = uuidOf('L')
const T = uuidOf('T')
const NONE = { license_uuid: null, transaction_id: null }

describe('a row for an address that has no account', () => {
  test.each<[string, Funding, object]>([
    ['1', license('L'), { ...NONE, license_uuid: L }],
    ['2', transaction('T'), { ...NONE, transaction_id: T }],
    ['none', undefined, NONE],
  ])('row %s: waits with its funding %j', async (_, funding, kept) => {
    const { email, courseId } = await situation()
    const row = await done(db, customer, { email, courseId, ...(funding && { funding }) })
    expect(row).toEqual({
      index: 0,
      userId: null,
      email,
      courseId,
      ok: true,
      kind: 'pendingCreated',
      created: true,
      before: null,
      after: null,
      enrollmentId: null,
      version: null,
      fulfilmentId: null,
      fulfilment: null,
      warnings: [],
      events: [],
    })
    expect(await pendingOf(db, customer, email, courseId)).toEqual({
      ...kept,
      state: 'waiting',
      mode: null,
      discount: '100.00000',
      force: false,
      is_default_auto_enrollment: false,
      refusal: null,
      attempts: 0,
      is_linked: true,
    })
  })

  test('keeps all that is asked for, until it can be done', async () => {
    const { email, courseId } = await situation()
    const wish = { mode: 'audit', force: true, isDefaultAutoEnrollment: true }
    await done(db, customer, { email, courseId, ...wish }, { discount: 12.3456789 })
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({
      mode: 'audit',
      force: true,
      is_default_auto_enrollment: true,
      discount: '12.34568',
    })
    expect(await done(db, customer, { email, courseId, ...wish }, { discount: 12.3456789 })).toMatchObject({
      kind: 'pendingUnchanged',
    })
  })

  test.each<[string, object, Funding, string, object]>([
    ['3', { license_uuid: L }, license('L'), 'pendingUnchanged', { license_uuid: L }],
    ['4', {}, transaction('T'), 'pendingUpdated', { transaction_id: T }],
    ['4', { transaction_id: T }, transaction('T'), 'pendingUnchanged', { transaction_id: T }],
    ['4', { transaction_id: uuidOf('T-old') }, transaction('T'), 'pendingUpdated', { transaction_id: T }],
    ['none', { license_uuid: L }, undefined, 'pendingUnchanged', { license_uuid: L }],
    ['none', { transaction_id: T }, undefined, 'pendingUnchanged', { transaction_id: T }],
  ])('row %s: where %j waits, %j is %s', async (_, waiting, funding, kind, kept) => {
    const { email, courseId } = await situation(waiting)
    const row = await done(db, customer, { email, courseId, ...(funding && { funding }) })
    expect(row).toMatchObject({ kind, created: false })
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ ...NONE, ...kept })
  })

  test.each<[string, object, Funding]>([
    ['5', { license_uuid: L }, license('L2')],
    ['6', { license_uuid: L }, transaction('T')],
    ['6', {}, license('L')],
    ['6', { transaction_id: T }, license('L')],
  ])('row %s: where %j waits, %j is a conflict', async (_, waiting, funding) => {
    const { email, courseId } = await situation(waiting)
    const untouched = await everythingIn(db)
    const row = { email, courseId, ...(funding && { funding }) }
    expect(await refused(db, customer, row)).toMatchObject({ code: 'fundingConflict', email, userId: null })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test.each([
    ['mode', { mode: 'honor' }, {}],
    ['force', { force: true }, {}],
    ['default flag', { isDefaultAutoEnrollment: true }, {}],
    ['discount', {}, { discount: 50 }],
  ])('row 3: a new %s is kept', async (_, wish, options) => {
    const { email, courseId } = await situation({ license_uuid: L })
    const row = { email, courseId, funding: license('L'), ...wish }
    expect(await done(db, customer, row, options)).toMatchObject({ kind: 'pendingUpdated' })
    expect(await done(db, customer, row, options)).toMatchObject({ kind: 'pendingUnchanged' })
  })

  test.each(['refused', 'fulfilled', 'cancelled'])('waits again where it was %s', async (state) => {
    const refusal = state === 'refused' ? 'courseFull' : null
    const { email, courseId } = await situation({ license_uuid: uuidOf('L-old'), state, refusal, attempts: 3 })
    const row = await done(db, customer, { email, courseId, funding: transaction('T') })
    expect(row).toMatchObject({ kind: 'pendingCreated', created: true })
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({
      ...NONE,
      transaction_id: T,
      state: 'waiting',
      refusal: null,
      attempts: 0,
    })
  })

  test('row 7: malformed funding leaves nothing', async () => {
    const { email, courseId } = await situation()
    const untouched = await everythingIn(db)
    const row = { email, courseId, funding: { license: 'L' } }
    expect(await refused(db, customer, row)).toMatchObject({ code: 'invalidFunding', email })
    expect(await everythingIn(db)).toEqual(untouched)
  })
})

describe('row 8: a warning', () => {
  test.each<[string, Parameters<typeof addCourse>[1], Partial<RowRequest>, object[]]>([
    ['is over', { enrollment_end: PAST }, {}, [{ code: 'enrollmentClosed', details: { because: 'ended' } }]],
    [
      'is yet to open',
      { enrollment_start: FUTURE },
      {},
      [{ code: 'enrollmentClosed', details: { because: 'notStarted' } }],
    ],
    ['is over, with force', { enrollment_end: PAST }, { force: true }, []],
    ['is full', { max_enrollments: 0 }, { force: true }, [{ code: 'courseFull', details: { limit: 0 } }]],
    [
      'lacks the mode',
      { modes: ['masters'] },
      {},
      [{ code: 'modeNotAvailable', details: { mode: 'audit', available: ['masters'] } }],
    ],
    [
      'lacks the mode asked for',
      {},
      { mode: 'honor' },
      [{ code: 'modeNotAvailable', details: { mode: 'honor', available: ['audit', 'verified'] } }],
    ],
    [
      'is over and full',
      { enrollment_end: PAST, max_enrollments: 0 },
      {},
      [{ code: 'enrollmentClosed' }, { code: 'courseFull' }],
    ],
  ])('is given where the course run %s', async (_, columns, wish, warnings) => {
    const { email } = await situation()
    const row = await done(db, customer, { email, courseId: await addCourse(db, columns), ...wish })
    expect(row.kind).toBe('pendingCreated')
    expect(row.warnings).toMatchObject(warnings)
    expect(row.warnings).toHaveLength(warnings.length)
  })

  test('is given where no course run has the key, which may come', async () => {
    const { email } = await situation()
    const courseId = 'course-v1:No+Such+Course'
    expect((await done(db, customer, { email, courseId })).warnings).toMatchObject([{ code: 'courseNotFound' }])
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'waiting' })
  })

  test('counts the seats that rows before it took', async () => {
    const courseId = await addCourse(db, { max_enrollments: 1 })
    const [early, late] = [(await situation()).email, (await situation()).email]
    const userId = String((await addLearner(db)).id)
    const { rows } = await enroll(db, customer, [
      { email: early, courseId },
      { userId, courseId },
      { email: late, courseId },
    ])
    expect(rows.map((row) => row.ok && row.warnings.map(({ code }) => code))).toEqual([[], [], ['courseFull']])
  })

  test.each(['nul\0/a/b', 'x'.repeat(256)])('is not enough where the key cannot be kept: “%s”', async (courseId) => {
    const { email } = await situation()
    expect(await refused(db, customer, { email, courseId })).toMatchObject({ code: 'invalidCourseKey' })
  })
})

/** An address that nobody has, and a course run in which something waits for it. */
async function situation(waiting?: Parameters<typeof addPending>[4]) {
  addresses += 1
  const email = `new${addresses}@example.com`
  const courseId = await addCourse(db)
  if (waiting) await addPending(db, customer, email, courseId, waiting)
  return { email, courseId }
}
