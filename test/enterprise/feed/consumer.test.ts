// slow: waits for many transactions
import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { EnterpriseTables } from '../../../enterprise/database/schema.ts'
import type { AppliedEvents } from '../../../enterprise/feed/apply-events.ts'
import { enterpriseConsumer } from '../../../enterprise/feed/consumer.ts'
import { createCaller } from '../../../routers/index.ts'
import { consumeFeed } from '../../../server/background/feed-consumer.ts'
import { counting } from '../../support/counting.ts'
import { untilShown } from '../../support/feed.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { buildTestApp } from '../../support/server.ts'
import { license, transaction } from '../acme.ts'
import { contextOf, done, enroll, NOW } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn, recordOf } from '../state.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const extended = db.$extendTables<EnterpriseTables>()
const { enrollment } = createCaller(contextOf(db))
const customers = [await addCustomer(db), await addCustomer(db)] as const

const ENDED = { unenrolled: true, saved_for_later: true, unenrolled_at: '2026-03-01T12:00:00Z' }
const GOING_ON = { unenrolled: false, saved_for_later: false, unenrolled_at: null }

beforeEach(() => follow())

describe('an enrollment that ends through another API', () => {
  test.each<[string, (learner: { username: string }, courseId: string) => Promise<unknown>]>([
    ['the REST API', ({ username }, courseId) => unenrollByRest(username, courseId)],
    ['enrollment.change', ({ username }, courseId) => enrollment.change({ username, courseId, isActive: false })],
    ['enrollment.unenrollAll', ({ username }) => enrollment.unenrollAll({ username })],
  ])('%s: ends in the records of all customers, and their fulfilments are revoked', async (_, unenroll) => {
    const { learner, courseId } = await funded()
    const other = await funded()
    await unenroll(learner, courseId)
    expect(await follow()).toMatchObject({ ended: 2, resumed: 0, revoked: 3 })
    for (const customer of customers) {
      const record = await recordOf(db, customer, learner.id, courseId)
      expect(record).toMatchObject({ unenrolled: true, saved_for_later: true, enrollment_version: 2 })
      expect(record?.unenrolled_at).not.toBe(null)
      expect(record?.fulfilments.map(({ revoked }) => revoked)).not.toContain(null)
      expect(await recordOf(db, customer, other.learner.id, other.courseId)).toMatchObject(GOING_ON)
    }
  })

  test('and is active again goes on in the records; its fulfilments stay revoked', async () => {
    const { learner, courseId } = await funded()
    const { username } = learner
    await enrollment.change({ username, courseId, isActive: false })
    await follow()
    expect(await recordOf(db, customers[0], learner.id, courseId)).toMatchObject(ENDED)
    await enrollment.change({ username, courseId, isActive: true })
    expect(await follow()).toEqual({ events: 1, ended: 0, resumed: 2, revoked: 0 })
    const record = await recordOf(db, customers[0], learner.id, courseId)
    expect(record).toMatchObject({ ...GOING_ON, enrollment_version: 3 })
    expect(record?.fulfilments.map(({ revoked }) => revoked)).toEqual([ENDED.unenrolled_at, ENDED.unenrolled_at])
  })

  test('and is active again before anybody looks is the same', async () => {
    const { learner, courseId } = await funded()
    const { username } = learner
    await enrollment.change({ username, courseId, isActive: false })
    await enrollment.change({ username, courseId, isActive: true })
    await enrollment.change({ username, courseId, mode: 'audit' })
    expect(await follow()).toEqual({ events: 3, ended: 0, resumed: 2, revoked: 3 })
    expect(await recordOf(db, customers[1], learner.id, courseId)).toMatchObject({
      ...GOING_ON,
      enrollment_version: 4,
      fulfilments: [{ revoked: ENDED.unenrolled_at }],
    })
  })
})

test('whoever ended it is named with each fulfilment that was revoked', async () => {
  const { learner, courseId } = await funded()
  const reason = 'moved away'
  const { eventId } = await createCaller({
    ...contextOf(db),
    requestId: 'request through the other API',
  }).enrollment.change({
    username: learner.username,
    courseId,
    isActive: false,
    reason,
  })
  await follow()
  await step(db)
  const rows = await extended
    .selectFrom('enterprise_revocations as v')
    .innerJoin('enterprise_fulfilments as f', 'f.uuid', 'v.fulfilment_uuid')
    .innerJoin('enterprise_enrollment_records as r', 'r.id', 'f.record_id')
    .innerJoin('enrollment_events as e', 'e.enrollment_id', 'r.enrollment_id')
    .select(['v.kind', 'v.actor_name', 'v.request_id', 'v.reason'])
    .where('e.id', '=', eventId ?? '')
    .orderBy('v.kind')
    .execute()
  const trace = { actor_name: contextOf(db).actor.name, request_id: 'request through the other API', reason }
  expect(rows).toEqual(['license', 'license', 'transaction'].map((kind) => ({ kind, ...trace })))
})

test('an enrollment that ends for the second time before anybody looks has ended', async () => {
  const { learner, courseId } = await funded()
  for (const isActive of [false, true, false]) {
    await enrollment.change({ username: learner.username, courseId, isActive })
  }
  expect(await follow()).toEqual({ events: 3, ended: 2, resumed: 0, revoked: 3 })
  expect(await recordOf(db, customers[0], learner.id, courseId)).toMatchObject({ ...ENDED, enrollment_version: 4 })
})

describe('a change of mode', () => {
  test('leaves the flags and the fulfilments, and is taken note of', async () => {
    const { learner, courseId } = await funded()
    await db.updateTable('enterprise_enrollment_records').set(ENDED).where('course_key', '=', courseId).execute()
    await enrollment.change({ username: learner.username, courseId, mode: 'audit' })
    expect(await follow()).toEqual({ events: 1, ended: 0, resumed: 0, revoked: 0 })
    const record = await recordOf(db, customers[0], learner.id, courseId)
    expect(record).toMatchObject({ ...ENDED, enrollment_version: 2 })
    expect(record?.fulfilments.map(({ revoked }) => revoked)).toEqual([null, null])
  })
})

describe('the version of a record', () => {
  test('keeps out what the extension did itself', async () => {
    const { learner, courseId } = await funded()
    await enrollment.change({ username: learner.username, courseId, isActive: false })
    // The extension enrolls again before the end of the enrollment is read.
    await done(db, customers[0], { userId: String(learner.id), courseId, funding: transaction('T') })
    const record = await recordOf(db, customers[0], learner.id, courseId)
    expect(record).toMatchObject({ ...GOING_ON, enrollment_version: 3 })
    // Only the other customer has not heard of either change.
    expect(await follow()).toEqual({ events: 2, ended: 0, resumed: 1, revoked: 1 })
    expect(await recordOf(db, customers[0], learner.id, courseId)).toEqual(record)
  })

  test('keeps out everything when the feed is read again from its start', async () => {
    const { learner, courseId } = await funded()
    await enrollment.change({ username: learner.username, courseId, isActive: false })
    await follow()
    await enroll(db, customers[0], [{ userId: String(learner.id), courseId, funding: transaction('T-new') }])
    await follow()
    const before = await everythingIn(db)
    await db.deleteFrom('feed_checkpoints').execute()
    const again = await follow()
    expect(again.events).toBeGreaterThan(5)
    expect(again).toMatchObject({ ended: 0, resumed: 0, revoked: 0 })
    expect(await everythingIn(db)).toEqual(before)
  })
})

describe('the checkpoint', () => {
  test('is kept: what was read is not read again', async () => {
    const { learner, courseId } = await funded()
    for (const isActive of [false, true]) {
      await enrollment.change({ username: learner.username, courseId, isActive })
    }
    await untilShown(db)
    expect(await step(db, 1)).toEqual({ events: 1, ended: 2, resumed: 0, revoked: 3 })
    expect(await step(db, 1)).toEqual({ events: 1, ended: 0, resumed: 2, revoked: 0 })
    expect(await step(db)).toEqual({ events: 0, ended: 0, resumed: 0, revoked: 0 })
  })

  test('moves together with what was done', async () => {
    const { learner, courseId } = await funded()
    await follow()
    await enrollment.change({ username: learner.username, courseId, isActive: false })
    await untilShown(db)
    const before = await checkpointAndState()
    await sql`alter table enterprise_fulfilments add constraint not_today check (revoked is null) not valid`.execute(db)
    await expect(step(db)).rejects.toThrow('not_today')
    await sql`alter table enterprise_fulfilments drop constraint not_today`.execute(db)
    expect(await checkpointAndState()).toEqual(before)
    expect(await follow()).toMatchObject({ events: 1, ended: 2, revoked: 3 })
  })

  test('does not pass over a change that is committed late', async () => {
    const [late, early] = [await funded(), await funded()]
    await follow()
    const open = await db.startTransaction().execute()
    const inside = createCaller(contextOf(open.$extendTables<EnterpriseTables>())).enrollment
    await inside.change({ username: late.learner.username, courseId: late.courseId, isActive: false })
    await enrollment.change({ username: early.learner.username, courseId: early.courseId, isActive: false })
    expect(await followShown()).toMatchObject({ events: 0 })
    await open.commit().execute()
    expect(await follow()).toMatchObject({ events: 2, ended: 4 })
  })

  test('belongs to one process at a time', async () => {
    const { learner, courseId } = await funded()
    await enrollment.change({ username: learner.username, courseId, isActive: false })
    await untilShown(db)
    await db.transaction().execute(async (trx) => {
      await sql`select from feed_checkpoints for update`.execute(trx)
      expect(await step(db)).toMatchObject({ events: 0 })
    })
    const steps = await Promise.all(Array.from({ length: 8 }, () => step(db)))
    expect(steps.reduce((sum, { ended }) => sum + ended, (await follow()).ended)).toBe(2)
  })
})

test('10 000 changes take a bounded number of statements', async () => {
  const [courseId, strange] = [await addCourse(db), await addCourse(db)]
  const learners = [...(await addLearners(db, 2500)), ...(await addLearners(db, 2500))]
  const rows = learners.map(({ id }) => ({ userId: String(id), courseId, funding: license('L') }))
  await enroll(db, customers[0], rows)
  const items = learners.flatMap(({ username }) => [
    { username, courseId, isActive: false, whenEnrolled: 'update' as const },
    { username, courseId: strange },
  ])
  await follow()
  await enrollment.enrollMany({ items })
  await untilShown(db)
  const counted = counting(db)
  let ended = 0
  let steps = 0
  for (let events = -1; events !== 0; steps += 1) {
    const done = await step(counted.db)
    events = done.events
    ended += done.ended
  }
  expect({ ended, steps }).toEqual({ ended: 5000, steps: 11 })
  expect(counted.statements()).toBeLessThanOrEqual(8 * steps)
})

/** One step of the consumer; what it did. */
async function step(on = db, limit?: number): Promise<AppliedEvents & { events: number }> {
  const { name, apply } = enterpriseConsumer(() => NOW)
  let applied: AppliedEvents = { ended: 0, resumed: 0, revoked: 0 }
  const events = await consumeFeed(
    on,
    {
      name,
      apply: async (trx, shown) => {
        applied = await apply(trx, shown)
      },
    },
    { limit },
  )
  return { events, ...applied }
}

/** Consumes until nothing is left, once everything is shown; what was done in all. */
async function follow() {
  await untilShown(db)
  return followShown()
}

async function followShown() {
  const sum = { events: 0, ended: 0, resumed: 0, revoked: 0 }
  for (;;) {
    const done = await step(db)
    if (done.events === 0) return sum
    sum.events += done.events
    sum.ended += done.ended
    sum.resumed += done.resumed
    sum.revoked += done.revoked
  }
}

/** Somebody whose enrollment two customers know: one paid with a license and a transaction, one with a license. */
async function funded() {
  const [learner, courseId] = [await addLearner(db), await addCourse(db)]
  const row = { userId: String(learner.id), courseId }
  await done(db, customers[0], { ...row, funding: license('L') })
  await done(db, customers[0], { ...row, funding: transaction('T') })
  await done(db, customers[1], { ...row, funding: license('L2') })
  await follow()
  return { learner, courseId }
}

async function unenrollByRest(username: string, courseId: string): Promise<void> {
  const app = buildTestApp({ db, now: () => NOW })
  const answer = await app.inject({
    method: 'POST',
    url: '/api/enrollment/v1/enrollment',
    headers: { 'x-edx-api-key': 'api-key' },
    payload: { user: username, is_active: false, course_details: { course_id: courseId } },
  })
  await app.close()
  expect(answer.json()).toMatchObject({ is_active: false })
}

async function checkpointAndState() {
  const checkpoints = await db.selectFrom('feed_checkpoints').select(['consumer', 'cursor', 'updated']).execute()
  return { checkpoints, state: await everythingIn(db) }
}
