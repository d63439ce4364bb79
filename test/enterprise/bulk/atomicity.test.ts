// slow: cuts connections again and again
import { randomUUID } from 'node:crypto'
import type { Transaction } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import { enrollLearnersRequest } from '../../../enterprise/bulk/request.ts'
import { enrollRows } from '../../../enterprise/bulk/enroll-rows.ts'
import type { BatchContext } from '../../../enterprise/bulk/batch-context.ts'
import { failingAfter } from '../../support/failing.ts'
import { trap } from '../../support/trap.ts'
import { enroll, kindsOf, NOW, type RowRequest } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn } from '../state.ts'
import { EVERY_KIND, everyKindOfRow } from './every-kind.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)

/** Every table that a request writes to. */
const TABLES = [
  'idempotency_keys',
  'enrollments',
  'enrollment_events',
  'enterprise_batches',
  'enterprise_learner_links',
  'enterprise_enrollment_records',
  'enterprise_fulfilments',
  'enterprise_default_realizations',
  'enterprise_pending_links',
  'enterprise_pending_enrollments',
  'enterprise_overrides',
  'enterprise_notification_intents',
] as const

describe('nothing is left, the key is free, and the same request succeeds afterwards', () => {
  test('when it fails after any of its statements', async () => {
    const total = await statementsOfSuccess()
    expect(total).toBeGreaterThan(20)
    const rows = await everyKindOfRow(db, customer)
    const options = { notify: true, idempotencyKey: randomUUID() }
    const untouched = await everythingIn(db)
    for (let n = 1; n <= total; n += 1) {
      const failing = failingAfter(db, n)
      await expect(enroll(failing.db, customer, rows, options), `statement ${n}`).rejects.toThrow(
        /^(failed on purpose|Internal server error|savepoint "enrollment_batch" does not exist)$/,
      )
      expect(failing.statements(), 'it came so far').toBeGreaterThanOrEqual(n)
      expect(await everythingIn(db), `statement ${n}`).toEqual(untouched)
    }
    expect(kindsOf(await enroll(db, customer, rows, options))).toEqual(EVERY_KIND)
  })

  test.each(TABLES)('when %s refuses a row', async (table) => {
    const { rows, options, untouched } = await request()
    {
      await using _ = await trap(db, table, `raise exception 'not today'`)
      await expect(enroll(db, customer, rows, options)).rejects.toThrow(/^(not today|Internal server error)$/)
      expect(await everythingIn(db)).toEqual(untouched)
    }
    await expectSuccess(table, rows, options, untouched)
  })

  test.each(TABLES)('when the connection is ended while %s is written', async (table) => {
    const { rows, options, untouched } = await request()
    {
      await using _ = await trap(db, table, `perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5)`)
      await expect(enroll(db, customer, rows, options)).rejects.toMatchObject({
        name: 'EnrollmentError',
        code: 'unavailable',
      })
      expect(await everythingIn(db)).toEqual(untouched)
    }
    await expectSuccess(table, rows, options, untouched)
  })

  test('when the commit is refused', async () => {
    const { rows, options, untouched } = await request()
    {
      await using _ = await trap(db, 'enterprise_batches', `raise exception 'not today'`, { atCommit: true })
      await expect(enroll(db, customer, rows, options)).rejects.toThrow('not today')
      expect(await everythingIn(db)).toEqual(untouched)
    }
    await expectSuccess('enterprise_batches', rows, options, untouched)
  })

  test('in a caller’s transaction, whose own writes stay', async () => {
    const { rows, untouched } = await request()
    const own = await db.transaction().execute(async (trx) => {
      const { id } = await addCustomer(trx)
      await using _ = await trap(trx, 'enterprise_notification_intents', `raise exception 'not today'`)
      await expect(enroll(trx, customer, rows, { notify: true })).rejects.toThrow('not today')
      return id
    })
    expect(await everythingIn(db)).toEqual(untouched)
    expect(await db.selectFrom('enterprise_customers').select('id').where('id', '=', own).execute()).toHaveLength(1)
  })
})

test('without a transaction something would be left after most statements', async () => {
  const left = []
  let reached = true
  for (let n = 1; reached; n += 1) {
    const rows = await everyKindOfRow(db, customer)
    const untouched = await everythingIn(db)
    const failing = failingAfter(db, n)
    // What is no transaction is taken for one here.
    const attempt = enrollRows(failing.db as Transaction<EnterpriseDB>, numbered(rows), batch(rows.length))
    reached = await attempt.then(
      () => false,
      () => true,
    )
    const now = await everythingIn(db)
    if (reached) left.push(JSON.stringify(now) !== JSON.stringify(untouched))
  }
  expect(left.length).toBeGreaterThan(15)
  expect(left.filter(Boolean).length).toBeGreaterThan(left.length / 2)
})

async function request() {
  const rows = await everyKindOfRow(db, customer)
  return { rows, options: { notify: true, idempotencyKey: randomUUID() }, untouched: await everythingIn(db) }
}

/** The negative control of each way to fail: the table is one that the request does write to. */
async function expectSuccess(
  table: string,
  rows: RowRequest[],
  options: { idempotencyKey: string },
  untouched: Record<string, unknown[]>,
): Promise<void> {
  expect(kindsOf(await enroll(db, customer, rows, options))).toEqual(EVERY_KIND)
  expect((await everythingIn(db))[table]).not.toEqual(untouched[table])
}

async function statementsOfSuccess(): Promise<number> {
  const counted = failingAfter(db, Infinity)
  const rows = await everyKindOfRow(db, customer)
  await enroll(counted.db, customer, rows, { notify: true, idempotencyKey: randomUUID() })
  return counted.statements()
}

function numbered(rows: RowRequest[]) {
  const parsed = enrollLearnersRequest.parse({ customer: customer.uuid, rows })
  return parsed.rows.map((request, index) => ({ index, request }))
}

function batch(rowCount: number): BatchContext {
  const {
    customer: _,
    rows: __,
    ...options
  } = enrollLearnersRequest.parse({
    customer: customer.uuid,
    rows: [{ userId: '1', courseId: 'x' }],
    notify: true,
  })
  const batchId = randomUUID()
  return {
    context: { actor: { kind: 'user', name: 'admin' } },
    customer,
    options,
    reason: null,
    rowCount,
    namedLicenses: async () => new Map(),
    isGivenUp: () => false,
    isOverdue: () => false,
    batchId,
    requestId: batchId,
    at: NOW.toISOString(),
  }
}
