import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { revokedCreditFeed } from '../../../enterprise/event-bus/revoked-credits.ts'
import { enterpriseConsumer } from '../../../enterprise/feed/consumer.ts'
import { cancelFulfilment } from '../../../enterprise/fulfilments/cancel-fulfilment.ts'
import { createCaller } from '../../../routers/index.ts'
import { consumeFeed } from '../../../server/background/feed-consumer.ts'
import { eventually } from '../../support/eventually.ts'
import { contextOf, done } from '../calls.ts'
import { pay } from '../fulfilments/funded-world.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
const context = contextOf(db)

describe('credit that is revoked is told', () => {
  test('once, with what it paid for, for whom and with which transaction', async () => {
    const after = await revokedCreditFeed.end(db)
    const { learner, courseId, fulfilmentId, fundingId } = await pay(db, customer, 'transaction')
    await cancelFulfilment(context, { fulfilmentId })
    await cancelFulfilment(context, { fulfilmentId })
    const { events } = await revokedCreditFeed.read(db, after, 10)
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00$/)
    expect(events.map(({ data }) => data.learner_credit_course_enrollment)).toEqual([
      {
        uuid: fulfilmentId,
        created: at,
        modified: at,
        fulfillment_type: 'learner_credit',
        is_revoked: true,
        enterprise_course_entitlement_uuid: null,
        enterprise_course_enrollment: {
          id: expect.any(Number),
          created: at,
          modified: at,
          enterprise_customer_user: {
            id: expect.any(Number),
            created: at,
            modified: at,
            enterprise_customer_uuid: customer.uuid,
            user_id: learner.id,
            active: true,
            linked: true,
            is_relinkable: true,
            should_inactivate_other_customers: true,
            invite_key: null,
          },
          course_id: courseId,
          saved_for_later: true,
          source_slug: 'customer_admin',
          unenrolled: true,
          unenrolled_at: at,
        },
        transaction_id: fundingId,
      },
    ])
    expect(events[0]?.type).toBe('org.openedx.enterprise.learner_credit_course_enrollment.revoked.v1')
  })

  test('also where the learner has left, or another transaction has taken over', async () => {
    const after = await revokedCreditFeed.end(db)
    const [left, superseded] = [await pay(db, customer, 'transaction'), await pay(db, customer, 'transaction')]
    const named = { userId: String(left.learner.id), courseId: left.courseId, isActive: false }
    await createCaller(context).enrollment.change(named)
    await eventually(async () => {
      await consumeFeed(db, enterpriseConsumer())
      expect(await transactionsAfter(after)).toEqual([left.fundingId])
    })
    const { learner, courseId } = superseded
    await done(db, customer, { userId: String(learner.id), courseId, funding: { transaction: randomUUID() } })
    expect(await transactionsAfter(after)).toEqual([left.fundingId, superseded.fundingId])
  })

  test('and a license is not', async () => {
    const after = await revokedCreditFeed.end(db)
    const { fulfilmentId } = await pay(db, customer, 'license')
    await cancelFulfilment(context, { fulfilmentId })
    expect(await transactionsAfter(after)).toEqual([])
  })

  test('with the transaction that was revoked, whatever pays for the enrollment since', async () => {
    const after = await revokedCreditFeed.end(db)
    const paid = await pay(db, customer, 'transaction')
    await cancelFulfilment(context, { fulfilmentId: paid.fulfilmentId })
    await pay(db, customer, 'transaction', { learner: paid.learner, courseId: paid.courseId })
    expect(await transactionsAfter(after)).toEqual([paid.fundingId])
  })

  test('also when it is committed after others that happened later', async () => {
    const after = await revokedCreditFeed.end(db)
    const [late, early] = [await pay(db, customer, 'transaction'), await pay(db, customer, 'transaction')]
    const told: unknown[] = []
    await db.transaction().execute(async (trx) => {
      await cancelFulfilment({ ...context, db: trx }, { fulfilmentId: late.fulfilmentId })
      await cancelFulfilment(context, { fulfilmentId: early.fulfilmentId })
      told.push(...(await transactionsAfter(after)))
    })
    expect(told).toEqual([early.fundingId])
    expect(await transactionsAfter(after)).toEqual([early.fundingId, late.fundingId])
  })

  test('in pages that go on where the one before ended', async () => {
    const after = await revokedCreditFeed.end(db)
    const paid = [await pay(db, customer, 'transaction'), await pay(db, customer, 'transaction')]
    for (const { fulfilmentId } of paid) await cancelFulfilment(context, { fulfilmentId })
    const first = await revokedCreditFeed.read(db, after, 1)
    const second = await revokedCreditFeed.read(db, first.cursor, 1)
    expect([first.isMore, second.isMore]).toEqual([true, false])
    expect([...first.events, ...second.events].map(({ id }) => id)).toHaveLength(2)
    expect(await revokedCreditFeed.read(db, second.cursor, 1)).toEqual({
      events: [],
      cursor: second.cursor,
      isMore: false,
    })
    const range = { after, through: second.cursor }
    expect(await revokedCreditFeed.rewind(db, range, '', 1)).toBe(first.cursor)
    expect(await revokedCreditFeed.rewind(db, range, '', 5)).toBe(after)
  })

  test('by numbers that two processes give to none twice', async () => {
    const after = await revokedCreditFeed.end(db)
    for (let index = 0; index < 3; index += 1) {
      const { fulfilmentId } = await pay(db, customer, 'transaction')
      await cancelFulfilment(context, { fulfilmentId })
    }
    const pages = await Promise.all([1, 2, 3].map(() => revokedCreditFeed.read(db, after, 10)))
    const cursors = pages.map(({ events }) => events.map(({ cursor }) => cursor))
    expect(new Set(cursors.map(String)).size).toBe(1)
    expect(new Set(cursors[0]).size).toBe(3)
  })
})

async function transactionsAfter(after: string): Promise<string[]> {
  const { events } = await revokedCreditFeed.read(db, after, 100)
  return events.map(({ data }) => data.learner_credit_course_enrollment.transaction_id)
}
