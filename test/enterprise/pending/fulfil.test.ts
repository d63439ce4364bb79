import { afterAll, describe, expect, test } from 'vitest'
import { defaultPolicy, type EnrollmentFilter } from '../../../routers/index.ts'
import { applyArrivals } from '../../../enterprise/pending/arrivals.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { addEnrollment, enrollmentInWords } from '../../support/world.ts'
import { counting } from '../../support/counting.ts'
import { license, transaction, uuidOf } from '../acme.ts'
import { done, enroll, FUTURE, NOW, PAST } from '../calls.ts'
import { addCustomer, addFulfilment, addLink, addPending, addRecord, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn, linkInWords, pendingOf, recordOf } from '../state.ts'
import { fulfil, later, step } from './steps.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
let addresses = 0

describe('a row whose address gets an account', () => {
  test('waits as long as the LMS owns the course run', async () => {
    const email = newAddress()
    const courseId = await addCourse(db, { owner: 'lms' })
    await enroll(db, customer, [{ email, courseId, funding: license('waits for its owner') }])
    const learner = await addLearner(db, { email })
    expect(await fulfil(db)).toEqual({ postponed: 1 })
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'waiting', refusal: null })
    expect(await enrollmentInWords(db, learner.id, courseId)).toBe(null)
    await db.updateTable('courses').set({ owner: 'here' }).where('course_key', '=', courseId).execute()
    expect(await fulfil(db, { now: () => later(3601) })).toEqual({ fulfilled: 1 })
    expect(await enrollmentInWords(db, learner.id, courseId)).toBe('active verified')
  })

  test('is carried out with all that was kept of it', async () => {
    const email = newAddress()
    const courseId = await addCourse(db, { modes: ['audit', 'honor', 'verified'], enrollment_end: PAST })
    await db
      .insertInto('enterprise_default_intentions')
      .values({ customer_id: customer.id, course_key: courseId })
      .execute()
    const wish = { mode: 'honor', force: true, isDefaultAutoEnrollment: true, funding: transaction('T') }
    const options = { reason: 'They asked nicely', notify: true }
    const { batchId } = await enroll(db, customer, [{ email, courseId, ...wish }], options)
    const told = await intentsFor(courseId)
    const learner = await addLearner(db, { email: email.toUpperCase() })
    expect(await fulfil(db)).toEqual({ fulfilled: 1 })

    expect(await enrollmentInWords(db, learner.id, courseId)).toBe('active honor')
    expect(await linkInWords(db, customer, learner.id)).toBe('active')
    expect(await recordOf(db, customer, learner.id, courseId)).toMatchObject({
      source: 'customerAdmin',
      enrollment_version: 1,
      unenrolled: false,
      fulfilments: [{ kind: 'transaction', funding_id: uuidOf('T'), revoked: null }],
    })
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({
      state: 'fulfilled',
      refusal: null,
      attempts: 0,
    })
    const [event, ...others] = await eventsOf(learner.id, courseId)
    expect(others).toEqual([])
    expect(event).toMatchObject({
      kind: 'created',
      reason: 'They asked nicely',
      actor_name: 'enterprise',
      enterprise_uuid: customer.uuid,
    })
    expect(await realizations(courseId)).toBe(1)
    // Who asked, and what came of it, is found from the row.
    const row = await db
      .selectFrom('enterprise_pending_enrollments as p')
      .innerJoin('enterprise_batches as b', 'b.id', 'p.carried_out_in')
      .innerJoin('enterprise_overrides as o', 'o.batch_id', 'b.id')
      .select([
        'p.batch_id',
        'p.enrollment_id',
        'b.actor_name',
        'b.row_count',
        'o.kind',
        'o.because',
        'o.enrollment_id as o',
      ])
      .where('p.course_key', '=', courseId)
      .executeTakeFirstOrThrow()
    expect(row).toEqual({
      batch_id: batchId,
      enrollment_id: row.o,
      actor_name: 'enterprise',
      row_count: 1,
      kind: 'force',
      because: 'ended',
      o: row.o,
    })
    // The learner was told when the row was asked for.
    expect(told).toHaveLength(1)
    expect(await intentsFor(courseId)).toEqual(told)
  })

  test('comes to the best mode of that day where none was named', async () => {
    const { email, courseId } = await situation({ license_uuid: uuidOf('L') })
    const { id } = await addLearner(db, { email })
    expect(await fulfil(db)).toEqual({ fulfilled: 1 })
    expect(await enrollmentInWords(db, id, courseId)).toBe('active verified')
    expect((await recordOf(db, customer, id, courseId))?.fulfilments).toMatchObject([{ kind: 'license' }])
  })

  test('is carried out once: another run changes nothing', async () => {
    const { email } = await situation()
    await addLearner(db, { email })
    expect(await fulfil(db)).toEqual({ fulfilled: 1 })
    const after = await everythingIn(db)
    expect(await fulfil(db, { now: () => later(100_000) })).toEqual({})
    expect(await everythingIn(db)).toEqual(after)
  })

  test('finds what was done in the meantime, and leaves it', async () => {
    const { email, courseId } = await situation({ license_uuid: uuidOf('L') })
    const { id } = await addLearner(db, { email })
    const sent = await done(db, customer, { email, courseId, funding: license('L') })
    expect(sent.kind).toBe('created')
    const record = await recordOf(db, customer, id, courseId)
    expect(await fulfil(db)).toEqual({ fulfilled: 1 })
    expect(await recordOf(db, customer, id, courseId)).toEqual(record)
    expect(await eventsOf(id, courseId)).toHaveLength(1)
  })

  test('of two customers is one enrollment, which each of them knows', async () => {
    const { email, courseId } = await situation({ license_uuid: uuidOf('L') })
    const other = await addCustomer(db)
    await addPending(db, other, email, courseId, { transaction_id: uuidOf('T') })
    const { id } = await addLearner(db, { email })
    expect(await fulfil(db)).toEqual({ fulfilled: 2 })
    expect(await eventsOf(id, courseId)).toHaveLength(1)
    expect((await recordOf(db, customer, id, courseId))?.fulfilments).toMatchObject([{ kind: 'license' }])
    expect((await recordOf(db, other, id, courseId))?.fulfilments).toMatchObject([{ kind: 'transaction' }])
    const links = [await linkInWords(db, customer, id), await linkInWords(db, other, id)]
    expect(new Set(links)).toEqual(new Set(['active', 'linked']))
  })

  test('comes back to an enrollment that had ended', async () => {
    const courseId = await addCourse(db)
    const learner = await addLearner(db)
    const link = await addLink(db, customer, learner.id)
    await addEnrollment(db, learner.id, courseId, { is_active: false })
    const record = await addRecord(db, link, courseId, { unenrolled: true, unenrolled_at: PAST })
    await addFulfilment(db, customer, record, { kind: 'transaction', id: uuidOf('T-old'), revoked: true })
    const email = newAddress()
    await addPending(db, customer, email, courseId, { transaction_id: uuidOf('T') })
    await db.updateTable('learners').set({ email }).where('id', '=', learner.id).execute()
    expect(await fulfil(db)).toEqual({ fulfilled: 1 })
    expect(await recordOf(db, customer, learner.id, courseId)).toMatchObject({
      unenrolled: false,
      fulfilments: [{ funding_id: uuidOf('T'), revoked: null }],
    })
  })
})

describe('a row that cannot be carried out is refused, and stays visible with its code', () => {
  const veto: EnrollmentFilter = { name: 'no', check: () => ({ veto: 'No.' }) }

  test.each<[string, Parameters<typeof addCourse>[1], object]>([
    ['enrollmentClosed', { enrollment_end: PAST }, {}],
    ['enrollmentClosed', { enrollment_start: FUTURE }, {}],
    ['courseFull', { max_enrollments: 0 }, { force: true }],
    ['modeNotAvailable', { modes: ['masters'] }, {}],
    ['modeNotAvailable', {}, { mode: 'honor' }],
    ['vetoed', {}, {}],
  ])('%s: %j, %j', async (code, columns, wish) => {
    const { email, courseId } = await situation({ license_uuid: uuidOf('L'), ...wish }, columns)
    const { id } = await addLearner(db, { email })
    const policy = code === 'vetoed' ? { ...defaultPolicy, filters: [veto] } : defaultPolicy
    expect(await fulfil(db, { policy })).toEqual({ refused: 1 })
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({
      state: 'refused',
      refusal: code,
      attempts: 1,
      license_uuid: uuidOf('L'),
    })
    expect(await enrollmentInWords(db, id, courseId)).toBe(null)
    expect(await recordOf(db, customer, id, courseId)).toBe(null)
    // Not again by itself.
    expect(await fulfil(db, { now: () => later(100_000) })).toEqual({})
  })

  test('courseNotFound', async () => {
    const email = newAddress()
    const courseId = 'course-v1:No+Such+Course'
    await addPending(db, customer, email, courseId)
    await addLearner(db, { email })
    expect(await fulfil(db)).toEqual({ refused: 1 })
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ refusal: 'courseNotFound' })
  })

  test('fundingConflict: the learner has another license there', async () => {
    const { email, courseId } = await situation({ license_uuid: uuidOf('L') })
    await addLearner(db, { email })
    await done(db, customer, { email, courseId, funding: license('L2') })
    expect(await fulfil(db)).toEqual({ refused: 1 })
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ refusal: 'fundingConflict' })
  })

  test('and does not spoil those beside it, which take the seats in their order', async () => {
    const courseId = await addCourse(db, { max_enrollments: 2 })
    const emails = [newAddress(), newAddress(), newAddress()]
    for (const email of emails) await addPending(db, customer, email, courseId)
    await addLearners(db, 1)
    for (const email of emails.toReversed()) await addLearner(db, { email })
    expect(await fulfil(db)).toEqual({ fulfilled: 2, refused: 1 })
    const states = []
    for (const email of emails) states.push((await pendingOf(db, customer, email, courseId))?.state)
    expect(states).toEqual(['fulfilled', 'fulfilled', 'refused'])
  })

  test('and is carried out when it is sent again, for the account', async () => {
    const { email, courseId } = await situation({}, { enrollment_end: PAST })
    await addLearner(db, { email })
    expect(await fulfil(db)).toEqual({ refused: 1 })
    expect(await done(db, customer, { email, courseId, force: true })).toMatchObject({ kind: 'created' })
  })
})

describe('a link', () => {
  test('becomes one of the account also where nothing waits', async () => {
    const email = newAddress()
    await addPendingLink(email)
    const learner = await addLearner(db, { email })
    expect(await fulfil(db)).toEqual({})
    expect(await linkInWords(db, customer, learner.id)).toBe('active')
  })

  test('that is cut for good stays so, and what waits is refused', async () => {
    const { email, courseId } = await situation()
    await unlink(email, { is_permanently_unlinked: true })
    const { id } = await addLearner(db, { email })
    expect(await fulfil(db)).toEqual({ refused: 1 })
    expect(await linkInWords(db, customer, id)).toBe('unlinked for good')
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ refusal: 'linkForbidden' })
    expect(await enrollmentInWords(db, id, courseId)).toBe(null)
  })

  test('that the account has, cut for good, refuses as well', async () => {
    const { email, courseId } = await situation()
    const { id } = await addLearner(db)
    await addLink(db, customer, id, { is_linked: false, is_permanently_unlinked: true })
    await db.updateTable('learners').set({ email }).where('id', '=', id).execute()
    expect(await fulfil(db)).toEqual({ refused: 1 })
    expect(await linkInWords(db, customer, id)).toBe('unlinked for good')
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ refusal: 'linkForbidden' })
  })

  test('that is cut cancels what waits', async () => {
    const { email, courseId } = await situation()
    await unlink(email, {})
    const { id } = await addLearner(db, { email })
    expect(await fulfil(db)).toEqual({ cancelled: 1 })
    expect(await linkInWords(db, customer, id)).toBe('unlinked')
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'cancelled', refusal: null })
    expect(await enrollmentInWords(db, id, courseId)).toBe(null)
  })

  test('does not take the place of the learner’s active customer by itself', async () => {
    const { id } = await addLearner(db)
    const other = await addCustomer(db)
    await addLink(db, other, id, { is_active: true })
    const email = newAddress()
    await addPendingLink(email)
    await db.updateTable('learners').set({ email }).where('id', '=', id).execute()
    await fulfil(db)
    expect([await linkInWords(db, customer, id), await linkInWords(db, other, id)]).toEqual(['linked', 'active'])
  })
})

test('an address that loses its account before the row is tried waits on, for the next account', async () => {
  const { email, courseId } = await situation()
  const [first, second] = await addLearners(db, 2)
  const give = (to: string | null, id = 0) =>
    db.updateTable('learners').set({ email: to }).where('id', '=', id).execute()
  await give(email, first?.id)
  await applyArrivals(db, { limit: 10, at: NOW.toISOString() })
  await give(null, first?.id)
  expect(await fulfil(db)).toEqual({ withoutAccount: 1 })
  expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'waiting', attempts: 0 })
  await give(email, second?.id)
  expect(await fulfil(db)).toEqual({ fulfilled: 1 })
  expect(await enrollmentInWords(db, second?.id ?? 0, courseId)).toBe('active verified')
})

test('an address that is waited for again after its account has another one waits for the next account', async () => {
  const { email } = await situation()
  const [first, second] = [await addLearner(db, { email }), await addLearner(db)]
  expect(await fulfil(db)).toEqual({ fulfilled: 1 })
  await db.updateTable('learners').set({ email: null }).where('id', '=', first.id).execute()
  const courseId = await addCourse(db)
  expect(await done(db, customer, { email, courseId })).toMatchObject({ kind: 'pendingCreated' })
  await db.updateTable('learners').set({ email }).where('id', '=', second.id).execute()
  expect(await fulfil(db)).toEqual({ fulfilled: 1 })
  expect(await enrollmentInWords(db, second.id, courseId)).toBe('active verified')
})

test('takes as many statements for 300 rows as for 10', async () => {
  const counts = []
  for (const size of [10, 300]) {
    const [open, closed] = [await addCourse(db), await addCourse(db, { enrollment_end: PAST })]
    for (let index = 0; index < size; index += 1) {
      const email = newAddress()
      const courseId = index % 3 === 0 ? closed : open
      await addPending(db, customer, email, courseId, { license_uuid: uuidOf('L'), force: index % 2 === 0 })
      await addLearner(db, { email })
    }
    const counted = counting(db)
    expect(await step(counted.db)).toMatchObject({ arrivals: size, taken: size })
    counts.push(counted.statements())
  }
  expect(counts[1]).toBe(counts[0])
  expect(counts[0]).toBeLessThanOrEqual(36)
})

function newAddress(): string {
  addresses += 1
  return `new${addresses}@example.com`
}

/** An address that nobody has, and a course run in which something waits for it. */
async function situation(waiting: Parameters<typeof addPending>[4] = {}, course: Parameters<typeof addCourse>[1] = {}) {
  const [email, courseId] = [newAddress(), await addCourse(db, course)]
  await addPending(db, customer, email, courseId, waiting)
  return { email, courseId }
}

async function addPendingLink(email: string): Promise<void> {
  await db
    .insertInto('enterprise_pending_links')
    .values({ customer_id: customer.id, email, created: NOW.toISOString() })
    .execute()
}

async function unlink(email: string, columns: { is_permanently_unlinked?: boolean }): Promise<void> {
  await db
    .updateTable('enterprise_pending_links')
    .set({ is_linked: false, ...columns })
    .where('email', '=', email)
    .execute()
}

function eventsOf(learnerId: number, courseId: string) {
  return db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['v.kind', 'v.reason', 'v.actor_name', 'v.enterprise_uuid'])
    .where('e.learner_id', '=', learnerId)
    .where('c.course_key', '=', courseId)
    .execute()
}

function intentsFor(courseId: string) {
  return db.selectFrom('enterprise_notification_intents').selectAll().where('course_key', '=', courseId).execute()
}

async function realizations(courseId: string): Promise<number> {
  const rows = await db
    .selectFrom('enterprise_default_realizations as z')
    .innerJoin('enterprise_enrollment_records as r', 'r.id', 'z.record_id')
    .select('r.id')
    .where('r.course_key', '=', courseId)
    .execute()
  return rows.length
}
