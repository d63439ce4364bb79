import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { applyArrivals } from '../../../enterprise/pending/arrivals.ts'
import {
  cancelPending,
  type CancelPendingOutcome,
  type CancelPendingRequest,
} from '../../../enterprise/pending/cancel.ts'
import { listPending } from '../../../enterprise/pending/list.ts'
import { counting } from '../../support/counting.ts'
import { failingAfter } from '../../support/failing.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { untilWaiting } from '../../support/waiting.ts'
import { enrollmentInWords } from '../../support/world.ts'
import { license, transaction, uuidOf } from '../acme.ts'
import { contextOf, done, enroll, kindsOf, NOW, PAST } from '../calls.ts'
import { addCustomer, addPending, createEnterpriseDatabase, type SeededCustomer } from '../seed.ts'
import { everythingIn, pendingOf } from '../state.ts'
import { fulfil, later, startWaitingStep, step } from './steps.ts'

const database = await createEnterpriseDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())

let customer: SeededCustomer
beforeEach(async () => {
  customer = await addCustomer(db)
})

describe('what is cancelled', () => {
  test('stays visible and is not fulfilled when the account comes', async () => {
    const [courseId, email] = [await addCourse(db), newAddress()]
    await done(db, customer, { email, courseId, funding: license('L') })
    const answer = await cancel([{ ref: 'kim', email: ` ${email.toUpperCase()} `, courseId }])
    const [pending] = (await listPending({ db }, { customer: customer.uuid })).items
    expect(pending).toMatchObject({ email, courseId, state: 'cancelled', nextAttempt: null, refusal: null })
    expect(answer).toEqual({
      requestId: 'request',
      counts: { cancelled: 1 },
      outcomes: [
        { index: 0, ref: 'kim', email, courseId, outcome: 'cancelled', pendingId: pending?.id, enrollmentId: null },
      ],
    })
    expectTypeOf(answer.outcomes).toEqualTypeOf<CancelPendingOutcome[]>()

    const { id } = await addLearner(db, { email })
    expect(await fulfil(db, { now: () => later(100_000) })).toEqual({})
    expect(await enrollmentInWords(db, id, courseId)).toBe(null)
  })

  test('would have been fulfilled (so it is the cancellation that prevents it)', async () => {
    const [courseId, email] = [await addCourse(db), newAddress()]
    await done(db, customer, { email, courseId })
    const { id } = await addLearner(db, { email })
    expect(await fulfil(db)).toEqual({ fulfilled: 1 })
    expect(await enrollmentInWords(db, id, courseId)).toBe('active verified')
  })

  test('may be due already: the account is there, and nobody has enrolled it yet', async () => {
    const [courseId, email] = [await addCourse(db), newAddress()]
    await done(db, customer, { email, courseId })
    const { id } = await addLearner(db, { email })
    expect((await cancel([{ email, courseId }])).counts).toEqual({ cancelled: 1 })
    expect(await fulfil(db)).toEqual({})
    expect(await enrollmentInWords(db, id, courseId)).toBe(null)
  })

  test('keeps who did it and why, and the funding that is free again', async () => {
    const [courseId, email] = [await addCourse(db), newAddress()]
    const other = newAddress()
    await enroll(db, customer, [
      { email, courseId, funding: license('L') },
      { email: other, courseId, funding: transaction('T') },
    ])
    const { outcomes } = await cancel([{ email }, { email: other }], { reason: 'left the company' })
    const trace = { actor_kind: 'user', actor_name: 'admin', request_id: 'request', reason: 'left the company' }
    expect(await cancellationsOf(outcomes)).toMatchObject([
      { ...trace, license_uuid: uuidOf('L'), transaction_uuid: null },
      { ...trace, license_uuid: null, transaction_uuid: uuidOf('T') },
    ])
  })

  test('waits again when it is sent again, and the trace of the cancellation stays', async () => {
    const [courseId, email] = [await addCourse(db), newAddress()]
    await done(db, customer, { email, courseId, funding: license('L') })
    const { outcomes } = await cancel([{ email, courseId }])
    const again = await done(db, customer, { email, courseId, funding: license('another') })
    expect(again).toMatchObject({ kind: 'pendingCreated', created: true })
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'waiting' })
    expect(await cancellationsOf(outcomes)).toHaveLength(1)
    await cancel([{ email, courseId }])
    expect(await cancellationsOf(outcomes)).toHaveLength(2)
  })

  test('leaves the link of the customer with the address', async () => {
    const [courseId, email] = [await addCourse(db), newAddress()]
    await done(db, customer, { email, courseId })
    await cancel([{ email }])
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'cancelled', is_linked: true })
  })
})

describe('the outcome of a row', () => {
  test('says what had become of it before', async () => {
    const [open, over] = [await addCourse(db), await addCourse(db, { enrollment_end: PAST })]
    const email = newAddress()
    await enroll(db, customer, [
      { email, courseId: open },
      { email, courseId: over },
    ])
    await addLearner(db, { email })
    await fulfil(db)
    const { enrollmentId } = await done(db, customer, { email, courseId: open })
    const untouched = await everythingIn(db)
    expect((await cancel([{ email }])).outcomes).toMatchObject([
      { courseId: open, outcome: 'alreadyFulfilled', enrollmentId },
      { courseId: over, outcome: 'alreadyRefused', enrollmentId: null },
    ])
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('is the same when it is asked again, and nothing more is written', async () => {
    const email = newAddress()
    for (const courseId of [await addCourse(db), await addCourse(db)]) await done(db, customer, { email, courseId })
    expect((await cancel([{ email }])).counts).toEqual({ cancelled: 2 })
    const untouched = await everythingIn(db)
    expect((await cancel([{ email }], { now: later(60) })).counts).toEqual({ alreadyCancelled: 2 })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('sees the rows before it', async () => {
    const [courseId, email] = [await addCourse(db), newAddress()]
    await done(db, customer, { email, courseId })
    const { outcomes } = await cancel([{ email, courseId }, { email: email.toUpperCase() }, { email, courseId }])
    expect(outcomes.map(({ index, outcome }) => [index, outcome])).toEqual([
      [0, 'cancelled'],
      [1, 'alreadyCancelled'],
      [2, 'alreadyCancelled'],
    ])
    expect(await cancellationsOf(outcomes)).toHaveLength(1)
  })

  test.each<[string, CancelPendingRequest['rows'][number]]>([
    ['an address for which nothing was asked', { email: 'nobody@example.com' }],
    ['what is no address', { email: 'no-at-sign', courseId: 'no key' }],
    ['an address that cannot be stored', { email: 'a\0b@example.com' }],
    ['a key that cannot be stored', { email: 'nobody@example.com', courseId: 'nul\0' }],
    ['an address longer than any', { email: `${'a'.repeat(300)}@example.com` }],
  ])('of %s is that nothing was found', async (_, row) => {
    const { outcomes } = await cancel([row])
    const nothing = { outcome: 'notFound', pendingId: null, enrollmentId: null }
    expect(outcomes).toEqual([{ index: 0, email: row.email, courseId: row.courseId ?? null, ...nothing }])
  })

  test('is only about the customer, the address and the course run that it names', async () => {
    const other = await addCustomer(db)
    const [courseId, beside] = [await addCourse(db), await addCourse(db)]
    const [email, neighbor] = [newAddress(), newAddress()]
    await addPending(db, other, email, courseId)
    await addPending(db, customer, email, courseId)
    await addPending(db, customer, email, beside)
    await addPending(db, customer, neighbor, courseId)
    expect((await cancel([{ email, courseId }])).counts).toEqual({ cancelled: 1 })
    for (const [whose, address, key] of [
      [other, email, courseId],
      [customer, email, beside],
      [customer, neighbor, courseId],
    ] as const) {
      expect(await pendingOf(db, whose, address, key)).toMatchObject({ state: 'waiting' })
    }
  })

  test('is found by a key with a branch, and by one that no course run has', async () => {
    const [courseId, email] = [await addCourse(db), newAddress()]
    await enroll(db, customer, [
      { email, courseId },
      { email, courseId: 'course-v1:Not+Yet+There' },
    ])
    const rows = [`${courseId}+branch@draft`, 'course-v1:Not+Yet+There'].map((key) => ({ email, courseId: key }))
    expect((await cancel(rows)).counts).toEqual({ cancelled: 2 })
  })
})

describe('a request', () => {
  test.each<[string, object]>([
    ['no rows', { rows: [] }],
    ['a row without an address', { rows: [{ courseId: 'course-v1:A+B+C' }] }],
    ['a blank address', { rows: [{ email: ' ' }] }],
    ['an unknown field', { rows: [{ email: 'a@x.io', force: true }] }],
    ['too many rows', { rows: Array.from({ length: 10_001 }, () => ({ email: 'a@x.io' })) }],
  ])('with %s is refused', async (_, request) => {
    const refused = cancelPending(contextOf(db), { customer: customer.uuid, ...request } as CancelPendingRequest)
    await expect(refused).rejects.toMatchObject({ name: 'EnterpriseError', code: 'invalidRequest' })
  })

  test('of nobody is refused', async () => {
    const refused = cancelPending(contextOf(db), { customer: randomUUID(), rows: [{ email: 'a@x.io' }] })
    await expect(refused).rejects.toMatchObject({ name: 'EnterpriseError', code: 'customerNotFound' })
  })

  test('of 400 rows takes as many statements as one of 10', async () => {
    const courseId = await addCourse(db)
    const counts = []
    for (const size of [10, 400]) {
      const rows = Array.from({ length: size }, () => ({ email: newAddress(), courseId }))
      await enroll(db, customer, rows)
      const counted = counting(db)
      const answer = await cancelPending(contextOf(counted.db), { customer: customer.uuid, rows })
      expect(answer.counts).toEqual({ cancelled: size })
      counts.push(counted.statements())
    }
    expect(counts[1]).toBe(counts[0])
  })

  test('is written whole or not at all', async () => {
    const emails = [newAddress(), newAddress()]
    const courseId = await addCourse(db)
    for (const email of emails) await addPending(db, customer, email, courseId)
    const counted = failingAfter(db, Infinity)
    const rows = emails.map((email) => ({ email, courseId }))
    const untouched = await everythingIn(db)
    await db
      .transaction()
      .execute(async (trx) => {
        await cancelPending(contextOf(trx), { customer: customer.uuid, rows })
        throw new Error('changed my mind')
      })
      .catch(() => {})
    expect(await everythingIn(db)).toEqual(untouched)
    for (let n = 1; n <= 7; n += 1) {
      const failing = failingAfter(db, n)
      const request = cancelPending(contextOf(failing.db), { customer: customer.uuid, rows })
      await expect(request, `statement ${n}`).rejects.toThrow(/failed on purpose|Internal server error/)
      expect(await everythingIn(db), `statement ${n}`).toEqual(untouched)
    }
    await cancelPending(contextOf(counted.db), { customer: customer.uuid, rows })
    expect(counted.statements()).toBeGreaterThanOrEqual(7)
  })
})

describe('beside the worker', () => {
  test('that has claimed the row, a cancellation that comes first wins', async () => {
    const { courseId, email, id } = await due()
    await applyArrivals(db, { limit: 10, at: NOW.toISOString() })
    const cancelled = await db.transaction().execute(async (trx) => {
      await sql`select from enterprise_pending_links where email = ${email} for update`.execute(trx)
      const working = await startWaitingStep(db)
      const answer = await cancelPending(contextOf(trx), { customer: customer.uuid, rows: [{ email, courseId }] })
      return { answer, working }
    })
    expect(cancelled.answer.counts).toEqual({ cancelled: 1 })
    for (const worked of cancelled.working.steps) {
      expect(await worked).toMatchObject({ taken: 1, counts: { fulfilled: 0, cancelled: 0 } })
    }
    expect(await fulfil(db, { now: () => later(1_000_000) })).toEqual({})
    expect(await enrollmentInWords(db, id, courseId)).toBe(null)
  })

  test('that is fulfilling the row, a cancellation waits and finds the row fulfilled', async () => {
    const { courseId, email, id } = await due()
    const late = await db.transaction().execute(async (trx) => {
      await step(trx)
      const cancelling = { done: cancel([{ email, courseId }]) }
      await untilWaiting(db)
      return cancelling
    })
    expect((await late.done).outcomes).toMatchObject([{ outcome: 'alreadyFulfilled' }])
    expect(await enrollmentInWords(db, id, courseId)).toBe('active verified')
  })

  test('each of many rows is either cancelled or fulfilled, as its outcome says', async () => {
    await using other = openDatabase({ connectionString, poolSize: 4 })
    const seen = new Set<string>()
    for (let round = 0; round < 6; round += 1) {
      const courseId = await addCourse(db)
      const emails = Array.from({ length: 60 }, newAddress)
      await enroll(
        db,
        customer,
        emails.map((email) => ({ email, courseId })),
      )
      const learners = await addLearners(db, emails.length, { email: null })
      const ids = learners.map(({ id }) => id)
      await sql`update learners l set email = a.email from unnest(${ids}::integer[], ${emails}::text[]) as a (id, email)
        where l.id = a.id`.execute(db)
      const parts = [0, 1, 2, 3].map((part) => emails.filter((_, index) => index % 4 === part))
      const context = { ...contextOf(db), db: other }
      const [answers] = await Promise.all([
        Promise.all(
          parts.map((part, index) =>
            cancelPending(context, {
              customer: customer.uuid,
              rows: (index % 2 === 0 ? part : part.toReversed()).map((email) => ({ email, courseId })),
            }),
          ),
        ),
        ...[1, 2].map(async () => {
          while ((await step(db, {}, 7)).taken > 0);
        }),
      ])
      await fulfil(db, { now: () => later(100_000) })
      for (const { email, outcome } of answers.flatMap(({ outcomes }) => outcomes)) {
        seen.add(outcome)
        const state = outcome === 'cancelled' ? 'cancelled' : 'fulfilled'
        expect(['cancelled', 'alreadyFulfilled']).toContain(outcome)
        expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state })
        const learner = learners[emails.indexOf(email)]
        const words = await enrollmentInWords(db, learner?.id ?? 0, courseId)
        expect(words).toBe(state === 'fulfilled' ? 'active verified' : null)
      }
    }
    expect(seen).toContain('cancelled')
  })

  test('what is sent and cancelled at the same time ends as one after the other', async () => {
    const courseId = await addCourse(db)
    for (let round = 0; round < 10; round += 1) {
      const rows = Array.from({ length: 5 }, () => ({ email: newAddress(), courseId }))
      await enroll(db, customer, rows)
      const [sent, cancelled] = await Promise.all([
        enroll(db, customer, rows.toReversed()),
        cancel(rows),
        enroll(db, customer, rows),
      ])
      expect(new Set(kindsOf(sent))).toSatisfy((kinds: Set<string>) =>
        [...kinds].every((kind) => kind === 'pendingUnchanged' || kind === 'pendingCreated'),
      )
      expect(cancelled.counts).toEqual({ cancelled: 5 })
    }
  })
})

test('an address that is unlinked when its account comes is cancelled in the name of the worker', async () => {
  const { courseId, email } = await due()
  await sql`update enterprise_pending_links set is_linked = false where email = ${email}`.execute(db)
  expect(await fulfil(db)).toEqual({ cancelled: 1 })
  const { outcomes } = await cancel([{ email, courseId }])
  expect(outcomes).toMatchObject([{ outcome: 'alreadyCancelled' }])
  expect(await cancellationsOf(outcomes)).toMatchObject([
    { actor_kind: 'system', actor_name: 'enterprise', reason: 'The customer has unlinked the address' },
  ])
})

function cancel(rows: CancelPendingRequest['rows'], { reason, now = NOW }: { reason?: string; now?: Date } = {}) {
  const context = contextOf(db, { requestId: 'request', now: () => now })
  return cancelPending(context, { customer: customer.uuid, rows, ...(reason !== undefined && { reason }) })
}

/** Something waits for an address whose account has come. */
async function due() {
  const [courseId, email] = [await addCourse(db), newAddress()]
  await done(db, customer, { email, courseId })
  const { id } = await addLearner(db, { email })
  return { courseId, email, id }
}

function cancellationsOf(outcomes: readonly CancelPendingOutcome[]) {
  return db
    .selectFrom('enterprise_pending_cancellations')
    .selectAll()
    .where(
      'pending_id',
      'in',
      outcomes.flatMap(({ pendingId }) => pendingId ?? []),
    )
    .orderBy('id')
    .execute()
}

function newAddress(): string {
  return `${randomUUID()}@example.com`
}
