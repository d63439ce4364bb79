// slow: a server, and whole files in
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { importLines } from '../../../enterprise/import-export/world.ts'
import { fulfil } from '../../../enterprise/pending/steps.ts'
import { everythingIn, pendingOf, recordOf } from '../../../enterprise/state.ts'
import { openEnterpriseApi } from './api.ts'
import { ACME, ask, buildWorld, F, GLOBEX, L, run, stateOf, T, type Who } from './routes-world.ts'

// What was imported from an LMS is found by the consumers of its routes (lms.md B.2, adoption.md §1).

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
const { db } = api
beforeEach(() => buildWorld(api))

const C1 = run('C1')
const NF = '{"detail":"Not found."}'
const ANN = 1
const bulk = (who: Who, ...rows: object[]) =>
  ask(api, who, 'POST', `enterprise-customer/${ACME}/enroll_learners_in_courses/`, {
    enrollments_info: rows.map((row) => ({ course_run_key: C1, ...row })),
  })
const courseEnrollments = (who: Who, ...items: object[]) =>
  ask(
    api,
    who,
    'POST',
    `enterprise-customer/${ACME}/course_enrollments/`,
    items.map((item) => ({ course_run_id: C1, course_mode: 'verified', ...item })),
  )
const fulfilmentRoute = (n: number, more = '') => `enterprise-subsidy-fulfillment/${F(n)}/${more}`
const acme = () => db.selectFrom('enterprise_customers').select('id').where('uuid', '=', ACME).executeTakeFirstOrThrow()

describe('a row that is sent again after the import', () => {
  test.each([
    ['a license', { user_id: ANN, license_uuid: L(1) }, F(1)],
    ['the address and a license', { email: 'ANN@x.io', license_uuid: L(1) }, F(1)],
    ['a transaction', { user_id: 3, transaction_id: T(1) }, F(5)],
    ['the license of an enrollment that both kinds pay for', { user_id: 9, license_uuid: L(11) }, F(11)],
    ['the transaction of the same', { user_id: 9, transaction_id: T(12) }, F(12)],
  ])('with %s is a repeat, and makes no second fulfilment', async (_what, row, uuid) => {
    const before = await everythingIn(db)
    const { status, json } = await bulk('S', row)
    expect(status).toBe(201)
    expect(json.successes).toMatchObject([{ created: false, enterprise_fulfillment_source_uuid: uuid }])
    const after = await everythingIn(db)
    expect(after['enterprise_fulfilments']).toEqual(before['enterprise_fulfilments'])
    expect(after['enrollment_events']).toEqual(before['enrollment_events'])
  })

  test('for an address that waits is a repeat too', async () => {
    const waiting = { type: 'pendingEnrollment', customer: ACME, email: 'New@x.io', courseId: C1, license: L(20) }
    await importLines(db, [waiting])
    const { status, json } = await bulk('S', { email: 'new@x.io', license_uuid: L(20) })
    expect([status, json.pending]).toMatchObject([202, [{ email: 'new@x.io', created: false }]])
    expect((await bulk('S', { email: 'new@x.io', license_uuid: L(21) })).status).toBe(409)
    await importLines(db, [{ type: 'user', username: 'new', email: 'NEW@x.io' }])
    expect(await fulfil(db)).toMatchObject({ fulfilled: 1 })
    const again = await bulk('S', { email: 'new@x.io', license_uuid: L(20) })
    expect(again.json.successes).toMatchObject([{ created: false }])
    expect(await pendingOf(db, await acme(), 'new@x.io', C1)).toMatchObject({ state: 'fulfilled' })
  })
})

describe('the id of a link', () => {
  test('is shown as the LMS had it, also for what is enrolled here afterwards', async () => {
    await importLines(db, [{ type: 'customerLink', customer: ACME, username: 'hal', id: 4711 }])
    const { json } = await bulk('S', { user_id: 8, transaction_id: T(30) })
    const uuid = json.successes[0].enterprise_fulfillment_source_uuid
    const shown = await ask(api, 'S', 'GET', `enterprise-subsidy-fulfillment/${uuid}/`)
    expect(shown.json.enterprise_course_enrollment).toMatchObject({ enterprise_customer_user: 4711 })
    // Of a record that came with an id of its own, that one.
    const { json: cat } = await ask(api, 'S', 'GET', fulfilmentRoute(5))
    expect(cat.enterprise_course_enrollment).toMatchObject({ enterprise_customer_user: 33 })
  })
})

describe('a customer that is not active', () => {
  beforeEach(() => importLines(db, [{ type: 'customer', uuid: ACME, name: 'ACME', isActive: false }]))

  test('enrolls nobody', async () => {
    const before = await everythingIn(db)
    for (const who of ['S', 'A'] as const) {
      const answers = [
        await bulk(who, { user_id: ANN, license_uuid: L(1) }),
        await courseEnrollments(who, { lms_user_id: 8 }),
      ]
      expect(answers.map(({ status, text }) => [status, text])).toEqual([
        [404, NF],
        [404, NF],
      ])
    }
    expect((await bulk('U', { user_id: ANN, license_uuid: L(1) })).status).toBe(403)
    expect(await everythingIn(db)).toEqual(before)
  })

  test('still ends and shows what it has paid for', async () => {
    expect((await ask(api, 'S', 'GET', fulfilmentRoute(5))).status).toBe(200)
    expect((await ask(api, 'S', 'POST', fulfilmentRoute(5, 'cancel-fulfillment'))).status).toBe(204)
    const revoke = { user_id: ANN, enterprise_id: ACME }
    const revoked = await ask(api, 'S', 'POST', 'licensed-enterprise-course-enrollment/license_revoke/', revoke)
    expect(revoked.status).toBe(200)
    expect([await stateOf(api, 5), await stateOf(api, 1)]).toEqual([
      'inactive verified revoked unenrolled',
      'active audit revoked unenrolled',
    ])
  })
})

describe('a customer with auto-cohorting', () => {
  beforeEach(() =>
    importLines(db, [
      { type: 'customer', uuid: ACME, name: 'ACME', enableAutocohorting: true },
      { type: 'cohort', courseId: C1, name: 'blue' },
    ]),
  )
  const cohorts = () =>
    db
      .selectFrom('cohort_members as m')
      .innerJoin('cohorts as h', 'h.id', 'm.cohort_id')
      .select(['m.learner_id', 'h.name'])
      .orderBy('m.learner_id')
      .execute()

  test('puts whoever is enrolled into the cohort that is named', async () => {
    const items = [
      { lms_user_id: 8, cohort: 'blue' },
      { user_email: 'later@x.io', cohort: 'blue' },
      // Enrolled already: left where they are.
      { lms_user_id: 3, cohort: 'blue' },
    ]
    const { status, json } = await courseEnrollments('S', ...items)
    expect([status, json]).toEqual([200, items.map(() => ({ detail: 'success' }))])
    expect(await cohorts()).toEqual([{ learner_id: 8, name: 'blue' }])
    await importLines(db, [{ type: 'user', username: 'later', email: 'later@x.io' }])
    await fulfil(db)
    expect(await cohorts()).toMatchObject([{ name: 'blue' }, { name: 'blue' }])
  })

  test('refuses a cohort that the course run does not have, and enrolls nobody then', async () => {
    const { json } = await courseEnrollments(
      'S',
      { lms_user_id: 8, cohort: 'red' },
      { user_email: 'later@x.io', cohort: 'x'.repeat(256) },
    )
    expect(json).toEqual([{ detail: expect.stringContaining("'red'") }, { detail: expect.stringContaining("'xxx") }])
    expect(await recordOf(db, await acme(), 8, C1)).toBe(null)
    expect(await pendingOf(db, await acme(), 'later@x.io', C1)).toBe(null)
  })

  test('is the only one that does', async () => {
    await importLines(db, [{ type: 'customerLink', customer: GLOBEX, username: 'hal' }])
    const items = [{ course_run_id: C1, course_mode: 'verified', lms_user_id: 8, cohort: 'blue' }]
    const { json } = await ask(api, 'S', 'POST', `enterprise-customer/${GLOBEX}/course_enrollments/`, items)
    expect(json).toEqual([{ detail: 'Auto-cohorting is not enabled for this enterprise' }])
  })
})
