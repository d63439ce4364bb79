// slow: whole files in and out
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { listPending } from '../../../enterprise/pending/list.ts'
import { cancelPending } from '../../../enterprise/pending/cancel.ts'
import { importAll } from '../../support/transfer.ts'
import { contextOf, enroll, kindsOf } from '../calls.ts'
import { fulfil } from '../pending/steps.ts'
import { createEnterpriseDatabase } from '../seed.ts'
import { everythingIn, linkInWords, recordOf } from '../state.ts'
import { ACME, customer, exportText, GLOBEX, importLines, link, removeAll, user } from './world.ts'

// What the tables of edx-enterprise say (adoption.md §1, lms.md A.6), as lines.

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

const RUN = 'course-v1:T+C1+R'
const GONE = 'course-v1:Gone+Deleted+2019'
const AT = '2020-02-01T03:04:05.000006Z'
const [LICENSE, TRANSACTION] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222']
const F = '33333333-3333-4333-8333-333333333333'

const pending = (more: object = {}) => ({
  type: 'pendingEnrollment',
  customer: ACME,
  email: 'Future@Example.com',
  courseId: RUN,
  ...more,
})
const waiting = pending({ license: LICENSE, mode: 'verified', cohort: 'Grüppe 2', salesforceId: 'SF-1', created: AT })
const intention = (more: object = {}) => ({ type: 'defaultIntention', customer: ACME, courseId: RUN, ...more })
const realization = { type: 'defaultRealization', customer: ACME, username: 'alice', courseId: RUN, created: AT }
const record = { type: 'enterpriseRecord', customer: ACME, username: 'alice', courseId: RUN, source: 'customer_admin' }
const fulfilment = { type: 'fulfilment', uuid: F, customer: ACME, username: 'alice', courseId: RUN, license: LICENSE }

const core = [
  user('alice'),
  user('bob'),
  { type: 'course', courseId: RUN },
  { type: 'mode', courseId: RUN, slug: 'audit' },
  { type: 'mode', courseId: RUN, slug: 'verified' },
  { type: 'cohort', courseId: RUN, name: 'Grüppe 2' },
  { type: 'enrollment', username: 'alice', courseId: RUN, mode: 'verified' },
]
const adopted = [
  customer(ACME, { slug: 'acme', enableAutocohorting: true }),
  customer(GLOBEX, { isActive: false }),
  link({ username: 'alice' }, { id: 7, created: AT, isActive: true }),
  link({ username: 'alice' }, { customer: GLOBEX, id: 8, created: AT }),
  link({ email: 'Future@Example.com' }),
  link({ email: 'bob@example.com' }),
  record,
  fulfilment,
  waiting,
  pending({ email: 'BOB@example.com', courseId: GONE, discount: 33.33333, source: 'manual' }),
  intention({ created: AT }),
  intention({ courseId: GONE, isRemoved: true }),
  realization,
]

beforeEach(() => removeAll(db))

describe('an import of what edx-enterprise knows', () => {
  test('a second time changes nothing, and its export is imported elsewhere byte for byte', async () => {
    expect(await importLines(db, [...core, ...adopted])).toMatchObject({ failures: [] })
    const kept = await everythingIn(db)
    const { failures, written } = await importLines(db, [...core, ...adopted])
    expect([failures, written]).toEqual([[], 0])
    expect(await everythingIn(db)).toEqual(kept)
    const text = await exportText(db)
    await using other = await createEnterpriseDatabase()
    expect(await importLines(other.db, text.trim().split('\n'))).toMatchObject({ failures: [] })
    expect(await exportText(other.db)).toBe(text)
    expect(await importLines(db, text.trim().split('\n'))).toMatchObject({ failures: [], written: 0 })
  })

  test('is exported with all that it says', async () => {
    await importLines(db, [...core, ...adopted])
    expect(await exported('customer')).toMatchObject([{ enableAutocohorting: true }, { isActive: false }])
    expect(await exported('customerLink')).toEqual([
      link({ username: 'alice' }, { isLinked: true, isPermanentlyUnlinked: false, isActive: true, created: AT, id: 7 }),
      link(
        { username: 'alice' },
        { customer: GLOBEX, isLinked: true, isPermanentlyUnlinked: false, created: AT, id: 8 },
      ),
      // An address that has an account stands for it.
      link({ username: 'bob' }, { isLinked: true, isPermanentlyUnlinked: false }),
      link({ email: 'future@example.com' }, { isLinked: true, isPermanentlyUnlinked: false }),
    ])
    expect(await exported('enterpriseRecord')).toMatchObject([{ source: 'customerAdmin', linkId: 7 }])
    expect(await exported('pendingEnrollment')).toMatchObject([
      { ...waiting, email: 'future@example.com', transaction: null, discount: 100, state: 'waiting' },
      { email: 'bob@example.com', courseId: GONE, mode: null, license: null, discount: 33.33333, source: 'manual' },
    ])
    expect(await exported('defaultIntention')).toMatchObject([{ isRemoved: false }, { isRemoved: true }])
    expect(await exported('defaultRealization')).toEqual([realization])
  })

  test('leaves no event, no notification, no batch, and nothing for the event bus', async () => {
    await importLines(db, core)
    const events = (await everythingIn(db))['enrollment_events']
    const revoked = { ...fulfilment, revokedAt: AT }
    await importLines(db, [...adopted.filter((line) => line !== fulfilment), revoked])
    const after = await everythingIn(db)
    expect(after['enrollment_events']).toEqual(events)
    expect([after['enterprise_notification_intents'], after['enterprise_batches']]).toEqual([[], []])
    const told = await db.selectFrom('enterprise_revocations').select(['reason', 'bus_number']).execute()
    expect(told).toEqual([{ reason: 'imported', bus_number: '0' }])
  })

  test('counts by type of line', async () => {
    await importLines(db, [...core, ...adopted])
    const again = [waiting, pending({ license: LICENSE }), intention({ isRemoved: true }), realization]
    const { byType } = await importLines(db, again)
    expect(byType).toEqual({
      pendingEnrollment: { created: 0, changed: 1, unchanged: 1, failed: 0 },
      defaultIntention: { created: 0, changed: 1, unchanged: 0, failed: 0 },
      defaultRealization: { created: 0, changed: 0, unchanged: 1, failed: 0 },
    })
  })

  test.each<[line: { type: string }, reason: string]>([
    [
      link({ username: 'alice' }, { isActive: true, isLinked: false }),
      'isActive: must be false for whoever is not linked',
    ],
    [
      link({ email: 'x@example.com' }, { isActive: true }),
      'isActive: an address without an account has no active customer',
    ],
    [link({ username: 'alice' }, { id: 0 }), `id: must be a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`],
    [pending({ customer: GLOBEX }), `customer: there is no customer '${GLOBEX}'`],
    [pending({ courseId: 'x' }), "courseId: 'x' is not a course key"],
    [pending({ license: LICENSE, transaction: TRANSACTION }), 'must not have both license and transaction'],
    [pending({ discount: 101 }), 'discount: must be a number from 0 to 100'],
    [pending({ state: 'fulfilled' }), 'state: must be waiting or cancelled'],
    [intention({ customer: GLOBEX }), `customer: there is no customer '${GLOBEX}'`],
    [{ ...realization, username: 'bob' }, "courseId: the customer has no record of 'bob' there"],
    [realization, 'courseId: the customer has no default intention there'],
  ])('refuses %j', async (line, reason) => {
    await importLines(db, [...core, customer(ACME), link({ username: 'alice' }), link({ username: 'bob' }), record])
    const kept = await exportText(db)
    const { failures, written } = await importLines(db, [line])
    expect(failures).toEqual([{ line: 1, type: line.type, reason: `${line.type}: ${reason}` }])
    expect(written).toBe(0)
    expect(await exportText(db)).toBe(kept)
  })
})

describe('the active customer of a learner', () => {
  test('is the one of the last line that says so, and stays where no line does', async () => {
    await importLines(db, [...core, ...adopted])
    expect(await links('alice')).toEqual(['active', 'linked'])
    await importLines(db, [link({ username: 'alice' }, { customer: GLOBEX, isActive: true })])
    expect(await links('alice')).toEqual(['linked', 'active'])
    await importLines(db, [link({ username: 'alice' }), link({ username: 'alice' }, { customer: GLOBEX })])
    expect(await links('alice')).toEqual(['linked', 'active'])
    const both = [ACME, GLOBEX, ACME].map((of) => link({ username: 'alice' }, { customer: of, isActive: true }))
    expect(await importLines(db, both)).toMatchObject({ failures: [] })
    expect(await links('alice')).toEqual(['active', 'linked'])
    await importLines(db, [link({ username: 'alice' }, { isActive: false })])
    expect(await links('alice')).toEqual(['linked', 'linked'])
  })
})

describe('what waits after an import', () => {
  test('is enrolled with its license, its mode and its cohort when the account comes', async () => {
    await importLines(db, [...core, ...adopted])
    expect(await pendingStates()).toEqual({ 'bob@example.com': 'waiting', 'future@example.com': 'waiting' })
    await importLines(db, [user('carol', 'future@Example.com')])
    expect(await fulfil(db)).toMatchObject({ fulfilled: 1 })
    const carol = await learner('carol')
    expect(await recordOf(db, await acme(), carol, RUN)).toMatchObject({
      source: 'customerAdmin',
      fulfilments: [{ kind: 'license', funding_id: LICENSE, revoked: null }],
    })
    const enrolled = await db
      .selectFrom('enrollments as e')
      .innerJoin('cohort_members as m', (join) =>
        join.onRef('m.learner_id', '=', 'e.learner_id').onRef('m.course_id', '=', 'e.course_id'),
      )
      .innerJoin('cohorts as h', 'h.id', 'm.cohort_id')
      .select(['e.mode', 'e.is_active', 'h.name'])
      .where('e.learner_id', '=', carol)
      .execute()
    expect(enrolled).toEqual([{ mode: 'verified', is_active: true, name: 'Grüppe 2' }])
    // Importing again does not begin it again, nor does it bring the promise back.
    const kept = await everythingIn(db)
    expect(await importLines(db, adopted)).toMatchObject({ failures: [] })
    expect(await fulfil(db)).toEqual({})
    expect(await everythingIn(db)).toEqual(kept)
  })

  test('is enrolled without its cohort where there is none of that name', async () => {
    await importLines(db, [...core, customer(ACME), pending({ cohort: 'Nowhere', transaction: TRANSACTION })])
    await importLines(db, [user('carol', 'future@example.com')])
    expect(await fulfil(db)).toMatchObject({ fulfilled: 1 })
    expect(await db.selectFrom('cohort_members').select('learner_id').execute()).toEqual([])
  })

  test('is enrolled soon where the address has an account by now', async () => {
    await importLines(db, [...core, customer(ACME), pending({ email: 'Bob@example.com', license: LICENSE })])
    expect(await fulfil(db)).toMatchObject({ fulfilled: 1 })
    expect(await recordOf(db, await acme(), await learner('bob'), RUN)).toMatchObject({ unenrolled: false })
  })

  test('is cancelled where the account is unlinked from the customer', async () => {
    const unlinked = link({ username: 'bob' }, { isLinked: false })
    await importLines(db, [...core, customer(ACME), unlinked, pending({ email: 'bob@example.com', license: LICENSE })])
    expect(await fulfil(db)).toMatchObject({ cancelled: 1 })
    expect(await db.selectFrom('enrollments').select('learner_id').execute()).toHaveLength(1)
  })

  test('keeps what pays where a line does not say', async () => {
    const said = pending({ email: 'new@example.com', transaction: TRANSACTION })
    await importLines(db, [...core, customer(ACME), said, pending({ email: 'new@example.com', mode: 'audit' })])
    expect(await exported('pendingEnrollment')).toMatchObject([{ transaction: TRANSACTION, mode: 'audit' }])
    await importLines(db, [pending({ email: 'new@example.com', transaction: null })])
    expect(await exported('pendingEnrollment')).toMatchObject([{ transaction: null, mode: null }])
  })

  test('is listed without a batch, cancelled by a line or by name, and is not begun again by a line', async () => {
    await importLines(db, [...core, customer(ACME), pending(), pending({ email: 'b@example.com' })])
    const { items } = await listPending({ db }, { customer: ACME })
    expect(items).toMatchObject([
      { email: 'b@example.com', batchId: null },
      { email: 'future@example.com', batchId: null },
    ])
    expect(await importLines(db, [pending({ state: 'cancelled' })])).toMatchObject({ written: 1 })
    await cancelPending(contextOf(db), { customer: ACME, rows: [{ email: 'b@example.com' }] })
    const again = [pending({ mode: 'audit' }), pending({ email: 'b@example.com', state: 'cancelled' })]
    expect(await importLines(db, again)).toMatchObject({ written: 0 })
    expect(await pendingStates()).toEqual({ 'b@example.com': 'cancelled', 'future@example.com': 'cancelled' })
    expect(await exported('pendingEnrollment')).toEqual([])
  })

  test('comes to the same in one file as line by line', async () => {
    await importLines(db, [...core, customer(ACME)])
    await importLines(db, [pending(), pending({ state: 'cancelled' }), pending({ mode: 'audit' })])
    expect(await pendingStates()).toEqual({ 'future@example.com': 'cancelled' })
  })

  test('takes the request that sends it again, and keeps its cohort', async () => {
    await importLines(db, [...core, ...adopted])
    const row = { email: 'future@example.com', courseId: RUN, funding: { license: LICENSE } }
    expect(kindsOf(await enroll(db, { uuid: ACME }, [row], { salesforceId: 'SF-2' }))).toEqual(['pendingUpdated'])
    expect(await exported('pendingEnrollment')).toMatchObject([
      { email: 'future@example.com', cohort: 'Grüppe 2', salesforceId: 'SF-2' },
      {},
    ])
    const text = await exportText(db)
    expect(await importLines(db, text.trim().split('\n'))).toMatchObject({ failures: [], written: 0 })
  })

  test('behind a link that an account took which has another address now is exported so that it imports', async () => {
    await importLines(db, [...core, customer(ACME), pending({ email: 'bob@example.com', courseId: RUN })])
    await db
      .updateTable('enterprise_pending_links')
      .set({ taken_by: await learner('bob') })
      .execute()
    await importLines(db, [user('bob', 'other@example.com')])
    const text = await exportText(db)
    await using other = await createEnterpriseDatabase()
    expect(await importLines(other.db, text.trim().split('\n'))).toMatchObject({ failures: [] })
    expect(await exportText(other.db)).toBe(text)
  })
})

test('an intention that was removed is not realized, and one that was not is', async () => {
  const row = { username: 'bob', courseId: RUN, isDefaultAutoEnrollment: true, funding: { license: LICENSE } }
  const realized = () => db.selectFrom('enterprise_default_realizations').select('record_id').execute()
  await importLines(db, [...core, customer(ACME), intention({ isRemoved: true })])
  await enroll(db, { uuid: ACME }, [row])
  expect(await realized()).toEqual([])
  await importLines(db, [intention()])
  await enroll(db, { uuid: ACME }, [row])
  expect(await realized()).toHaveLength(1)
})

test('the format of the core alone knows none of it', async () => {
  const { failures } = await importAll(db, [waiting])
  expect(failures[0]?.reason).toContain("type: 'pendingEnrollment' is not one of")
})

async function exported(type: string): Promise<object[]> {
  const lines = (await exportText(db)).trim().split('\n')
  return lines.map((line) => JSON.parse(line)).filter((line) => line.type === type)
}

async function acme(uuid = ACME): Promise<{ id: number }> {
  return db.selectFrom('enterprise_customers').select('id').where('uuid', '=', uuid).executeTakeFirstOrThrow()
}

async function learner(username: string): Promise<number> {
  const { id } = await db.selectFrom('learners').select('id').where('username', '=', username).executeTakeFirstOrThrow()
  return id
}

async function links(username: string): Promise<(string | null)[]> {
  const id = await learner(username)
  return [await linkInWords(db, await acme(), id), await linkInWords(db, await acme(GLOBEX), id)]
}

async function pendingStates(): Promise<Record<string, string>> {
  const { items } = await listPending({ db }, { customer: ACME })
  return Object.fromEntries(items.map(({ email, state }) => [email, state]))
}
