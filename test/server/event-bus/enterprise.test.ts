// slow: waits for Redis
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { enterpriseEventBus } from '../../../enterprise/event-bus/index.ts'
import { cancelFulfilment } from '../../../enterprise/fulfilments/cancel-fulfilment.ts'
import { entryWriter } from '../../../server/event-bus/entry.ts'
import { contextOf } from '../../enterprise/calls.ts'
import { pay } from '../../enterprise/fulfilments/funded-world.ts'
import { addCustomer, createEnterpriseDatabase } from '../../enterprise/seed.ts'
import { avroReader } from '../../support/avro.ts'
import { entriesOf, hasRedis, openRedis } from '../../support/redis.ts'
import { addLearner } from '../../support/seed.ts'
import { openBus } from './bus.ts'

const CREDIT = 'learner-credit-course-enrollment-lifecycle'
const CERTIFICATES = 'learning-certificate-lifecycle'
const LEDGER = 'enterprise-subsidies-transaction-lifecycle'

describe.skipIf(!hasRedis)('what customers have to do with the event bus', async () => {
  const redis = hasRedis ? await openRedis() : (undefined as never) // Nothing below runs without it.
  const database = await createEnterpriseDatabase()
  afterAll(async () => {
    await redis?.[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })
  beforeEach(() => redis.client.flushall())
  const { db } = database

  test('credit that is revoked is told once, also after a restart and where the revocation is repeated', async () => {
    const customer = await addCustomer(db)
    const paid = await pay(db, customer, 'transaction')
    const first = await openBus(db, redis, { extensions: [enterpriseEventBus] })
    for (const _ of ['once', 'again']) await cancelFulfilment(contextOf(db), { fulfilmentId: paid.fulfilmentId })
    await first.run(1)
    await first.bus[Symbol.asyncDispose]()
    const second = await openBus(db, redis, { extensions: [enterpriseEventBus] })
    await second.run(1)
    const entries = await entriesOf(redis, CREDIT)
    expect(entries.map(({ fields }) => fields['type'])).toEqual([
      'org.openedx.enterprise.learner_credit_course_enrollment.revoked.v1',
    ])
    expect(decodeCredit(entries[0]?.eventData ?? Buffer.alloc(0))).toMatchObject({
      uuid: paid.fulfilmentId,
      customer: customer.uuid,
      userId: paid.learner.id,
      courseId: paid.courseId,
      transactionId: paid.fundingId,
    })
  })

  test('certificates say who has passed, ledgers what became of transactions', async () => {
    const learner = await addLearner(db, { is_id_of_lms: true })
    const courseKey = 'course-v1:edX+DemoX+2026'
    const text = { display_name: '', start: null, end: null }
    await add(CERTIFICATES, 'org.openedx.learning.certificate.created.v1', {
      certificate: {
        user: { id: learner.userId, is_active: true, pii: { username: learner.username, email: '', name: '' } },
        course: { course_key: courseKey, ...text },
        mode: 'verified',
        grade: '0.9',
        download_url: '',
        name: '',
        current_status: 'downloadable',
        previous_status: '',
      },
    })
    const uuid = '7d8c1a52-0c53-4d2b-9e0a-3a1f0d5c7b22'
    await add(LEDGER, 'org.openedx.enterprise.subsidy_ledger_transaction.committed.v1', {
      ledger_transaction: { uuid },
    })
    const bus = await openBus(db, redis, { extensions: [enterpriseEventBus] })
    await bus.run(2)
    await bus.run(3)
    expect(await db.selectFrom('enterprise_completions').select(['learner_id', 'course_key']).execute()).toEqual([
      { learner_id: learner.id, course_key: courseKey },
    ])
    expect(await db.selectFrom('enterprise_ledger_transactions').select(['uuid', 'state']).execute()).toEqual([
      { uuid, state: 'committed' },
    ])
  })

  async function add(stream: string, type: string, data: unknown): Promise<void> {
    const write = entryWriter(enterpriseEventBus.receivers.flatMap(({ types }) => types))
    const fields = write({ id: '1', cursor: '0-1', type, at: '2026-01-02T03:04:05Z', data })
    await redis.client.call('XADD', [stream, '*', ...fields])
  }
})

/** Some fields of `LearnerCreditEnterpriseCourseEnrollment`, by the order of openedx-events. */
function decodeCredit(bytes: Buffer) {
  const read = avroReader(bytes)
  const [uuid] = [read.string(), read.string(), read.string()]
  const [kind, isRevoked, entitlement] = [read.string(), read.boolean(), read.optional(read.string)]
  const enrollment = read.optional(() => {
    read.long()
    read.string()
    read.string()
    read.long()
    read.string()
    read.string()
    const [customer, userId] = [read.string(), read.long()]
    for (let flag = 0; flag < 4; flag += 1) read.boolean()
    read.optional(read.string)
    const courseId = read.string()
    read.boolean()
    read.optional(read.string)
    read.optional(read.boolean)
    read.optional(read.string)
    return { customer, userId, courseId }
  })
  const transactionId = read.optional(read.string)
  expect([kind, isRevoked, entitlement, read.left()]).toEqual(['learner_credit', true, null, 0])
  return { uuid, ...enrollment, transactionId }
}
