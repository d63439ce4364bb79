import { randomUUID } from 'node:crypto'
import { sql, type Kysely } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { enrollLearnersRequest } from '../../../enterprise/command.ts'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import { carryOut } from '../../../enterprise/enrollment/carry-out.ts'
import type { Unit } from '../../../enterprise/enrollment/unit.ts'
import { failingAfter } from '../../support/failing.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { addEnrollment } from '../../support/world.ts'
import { license, transaction } from '../acme.ts'
import { enroll, kindsOf, NOW, PAST, type RowRequest } from '../calls.ts'
import { addCustomer, addLink, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn } from '../state.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
const other = await addCustomer(db)

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

const SUCCESS = ['created', 'created', 'reactivated', 'pendingCreated', 'pendingCreated']

describe('nothing is left, the key is free, and the same request succeeds afterwards', () => {
  test('when it fails after any of its statements', async () => {
    const total = await statementsOfSuccess()
    expect(total).toBeGreaterThan(20)
    const rows = await everyKindOfRow()
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
    expect(kindsOf(await enroll(db, customer, rows, options))).toEqual(SUCCESS)
  })

  test.each(TABLES)('when %s refuses a row', async (table) => {
    const { rows, options, untouched } = await request()
    {
      await using _ = await trigger(table, `raise exception 'not today'`)
      await expect(enroll(db, customer, rows, options)).rejects.toThrow(/^(not today|Internal server error)$/)
      expect(await everythingIn(db)).toEqual(untouched)
    }
    await expectSuccess(table, rows, options, untouched)
  })

  test.each(TABLES)('when the connection is ended while %s is written', async (table) => {
    const { rows, options, untouched } = await request()
    {
      await using _ = await trigger(table, `perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5)`)
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
      await using _ = await trigger('enterprise_batches', `raise exception 'not today'`, { atCommit: true })
      await expect(enroll(db, customer, rows, options)).rejects.toThrow('not today')
      expect(await everythingIn(db)).toEqual(untouched)
    }
    await expectSuccess('enterprise_batches', rows, options, untouched)
  })

  test('in a caller’s transaction, whose own writes stay', async () => {
    const { rows, untouched } = await request()
    const own = await db.transaction().execute(async (trx) => {
      const { id } = await addCustomer(trx)
      await using _ = await trigger('enterprise_notification_intents', `raise exception 'not today'`, { on: trx })
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
    const rows = await everyKindOfRow()
    const untouched = await everythingIn(db)
    const failing = failingAfter(db, n)
    const attempt = carryOut(failing.db, asked(rows), unit(rows.length))
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

describe('a row that contradicts a constraint', () => {
  test('is refused alone, and leaves nothing', async () => {
    const rows = await everyKindOfRow()
    const [spoiled] = rows
    const learnerId = Number(spoiled?.userId)
    const raise = `if new.learner_id = ${learnerId} then raise exception using errcode = '23514'; end if`
    await using _ = await trigger('enterprise_learner_links', raise)
    const answer = await enroll(db, customer, rows, { notify: true })
    expect(kindsOf(answer)).toEqual(['conflict', ...SUCCESS.slice(1)])
    expect(answer.rows[0]).toMatchObject({ retryable: true })
    const enrollments = db.selectFrom('enrollments').select('id').where('learner_id', '=', learnerId)
    expect(await enrollments.execute()).toEqual([])
  })

  test('takes a strict request with it', async () => {
    const { rows, untouched } = await request()
    const raise = `if new.learner_id = ${rows[1]?.userId} then raise exception using errcode = '23514'; end if`
    await using _ = await trigger('enterprise_learner_links', raise)
    const answer = await enroll(db, customer, rows, { failureMode: 'strict' })
    expect(answer).toMatchObject({ status: 'rolledBack', counts: { conflict: 1, notAttempted: 4 } })
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('only for a moment is done', async () => {
    const rows = (await everyKindOfRow()).slice(0, 1)
    await sql`create sequence moments`.execute(db)
    const raise = `if nextval('moments') = 1 then raise exception using errcode = '23505'; end if`
    await using _ = await trigger('enterprise_learner_links', raise)
    expect(kindsOf(await enroll(db, customer, rows))).toEqual(['created'])
  })

  test('in a caller’s transaction leaves it usable', async () => {
    const rows = await everyKindOfRow()
    await db.transaction().execute(async (trx) => {
      const raise = `if new.learner_id = ${rows[0]?.userId} then raise exception using errcode = '23514'; end if`
      await using _ = await trigger('enterprise_learner_links', raise, { on: trx })
      expect(kindsOf(await enroll(trx, customer, rows))).toEqual(['conflict', ...SUCCESS.slice(1)])
    })
  })
})

/** Rows that together write every table: one of whom another customer is left, one forced, one over the capacity. */
async function everyKindOfRow(): Promise<RowRequest[]> {
  const [ann, bob, cat] = (await addLearners(db, 3)).map(({ id }) => ({ id, userId: String(id) }))
  if (!ann || !bob || !cat) throw new Error('Three learners were asked for')
  const [open, full] = [await addCourse(db), await addCourse(db, { max_enrollments: 0 })]
  const closed = await addCourse(db, { enrollment_end: PAST })
  await db.insertInto('enterprise_default_intentions').values({ customer_id: customer.id, course_key: open }).execute()
  await addLink(db, other, ann.id, { is_active: true })
  await addEnrollment(db, cat.id, full, { is_active: false })
  const email = `${randomUUID()}@example.com`
  return [
    { userId: ann.userId, courseId: open, funding: license('L'), isDefaultAutoEnrollment: true },
    { userId: bob.userId, courseId: closed, funding: transaction('T'), force: true },
    { userId: cat.userId, courseId: full },
    { email, courseId: open, funding: license('L') },
    { email, courseId: closed, funding: transaction('T') },
  ]
}

async function request() {
  const rows = await everyKindOfRow()
  return { rows, options: { notify: true, idempotencyKey: randomUUID() }, untouched: await everythingIn(db) }
}

/** The negative control of each way to fail: the table is one that the request does write to. */
async function expectSuccess(
  table: string,
  rows: RowRequest[],
  options: { idempotencyKey: string },
  untouched: Record<string, unknown[]>,
): Promise<void> {
  expect(kindsOf(await enroll(db, customer, rows, options))).toEqual(SUCCESS)
  expect((await everythingIn(db))[table]).not.toEqual(untouched[table])
}

async function statementsOfSuccess(): Promise<number> {
  const counted = failingAfter(db, Infinity)
  const rows = await everyKindOfRow()
  await enroll(counted.db, customer, rows, { notify: true, idempotencyKey: randomUUID() })
  return counted.statements()
}

/** Does something whenever a row of a table is written, or when that is committed, until it is disposed of. */
async function trigger(
  table: string,
  statement: string,
  { atCommit = false, on = db }: { atCommit?: boolean; on?: Kysely<EnterpriseDB> } = {},
): Promise<AsyncDisposable> {
  const name = `trap_${randomUUID().replaceAll('-', '')}`
  await sql
    .raw(`create function ${name}() returns trigger language plpgsql as $$ begin ${statement}; return new; end $$`)
    .execute(on)
  const when = atCommit ? 'constraint trigger' : 'trigger'
  const timing = atCommit
    ? `after insert on ${table} deferrable initially deferred`
    : `before insert or update on ${table}`
  await sql.raw(`create ${when} ${name} ${timing} for each row execute function ${name}()`).execute(on)
  return {
    async [Symbol.asyncDispose]() {
      await sql.raw(`drop function ${name} cascade`).execute(on)
    },
  }
}

function asked(rows: RowRequest[]) {
  const parsed = enrollLearnersRequest.parse({ customer: customer.uuid, rows })
  return parsed.rows.map((order, index) => ({ index, order }))
}

function unit(rowCount: number): Unit {
  const {
    customer: _,
    rows: __,
    ...order
  } = enrollLearnersRequest.parse({
    customer: customer.uuid,
    rows: [{ userId: '1', courseId: 'x' }],
    notify: true,
  })
  const batchId = randomUUID()
  return {
    context: { actor: { kind: 'user', name: 'admin' } },
    customer,
    order,
    rowCount,
    batchId,
    requestId: batchId,
    at: NOW.toISOString(),
  }
}
