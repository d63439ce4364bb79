import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { enrollmentInWords } from '../../support/world.ts'
import { license } from '../acme.ts'
import { contextOf, enroll, kindsOf, PAST, type RowRequest } from '../calls.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn } from '../state.ts'
import { untilWaiting } from '../../support/waiting.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)

describe('strict', () => {
  test('keeps all rows when each succeeds', async () => {
    const { rows } = await situation()
    const answer = await enroll(db, customer, rows, { failureMode: 'strict' })
    expect(answer).toMatchObject({ status: 'applied', counts: { created: 3, pendingCreated: 1 } })
  })

  test('keeps nothing when one is refused, and says which', async () => {
    const { rows, bad } = await situation()
    const untouched = await everythingIn(db)
    const sent = [rows[0], bad, rows[3]].map((row, index) => ({ ...row, ref: `row ${index}` })) as RowRequest[]
    const answer = await enroll(db, customer, sent, { failureMode: 'strict' })
    expect(answer).toMatchObject({ status: 'rolledBack', counts: { notAttempted: 2, enrollmentClosed: 1 } })
    expect(answer.rows.map((row) => [row.ref, row.ok || row.code])).toEqual([
      ['row 0', 'notAttempted'],
      ['row 1', 'enrollmentClosed'],
      ['row 2', 'notAttempted'],
    ])
    expect(await everythingIn(db)).toEqual(untouched)
  })
})

describe('a dry run', () => {
  test('tells what the request would come to, and keeps nothing', async () => {
    const { rows, bad } = await situation()
    const untouched = await everythingIn(db)
    const sent = [...rows, bad]
    const planned = await enroll(db, customer, sent, { dryRun: true, notify: true })
    expect(planned.status).toBe('planned')
    expect(await everythingIn(db)).toEqual(untouched)
    const applied = await enroll(db, customer, sent, { notify: true })
    expect(kindsOf(planned)).toEqual(kindsOf(applied))
    expect(planned.counts).toEqual(applied.counts)
  })

  test('of a strict request tells what refuses it', async () => {
    const { rows, bad } = await situation()
    const answer = await enroll(db, customer, [...rows, bad], { dryRun: true, failureMode: 'strict' })
    expect(answer).toMatchObject({ status: 'planned', counts: { notAttempted: 4, enrollmentClosed: 1 } })
  })

  test('neither uses an idempotency key nor is bound by one', async () => {
    const { rows } = await situation()
    const key = { idempotencyKey: randomUUID() }
    await enroll(db, customer, rows, { ...key, dryRun: true })
    expect(await enroll(db, customer, rows, key)).toMatchObject({ status: 'applied', counts: { created: 3 } })
    expect(await enroll(db, customer, rows, { ...key, dryRun: true })).toMatchObject({ status: 'planned' })
  })
})

describe('in a caller’s transaction', () => {
  test('everything is there, and goes with it', async () => {
    const { rows } = await situation()
    const untouched = await everythingIn(db)
    const trx = await db.startTransaction().execute()
    const answer = await enroll(trx, customer, rows, { notify: true, idempotencyKey: randomUUID() })
    expect(answer).toMatchObject({ status: 'applied', counts: { created: 3, pendingCreated: 1 } })
    expect(await everythingIn(trx)).not.toEqual(untouched)
    expect(await everythingIn(db)).toEqual(untouched)
    await trx.rollback().execute()
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('everything stays when it commits', async () => {
    const { rows, learners } = await situation()
    await db.transaction().execute((trx) => enroll(trx, customer, rows))
    expect(await enrollmentInWords(db, learners[0]?.id ?? 0, rows[0]?.courseId ?? '')).toBe('active verified')
  })

  test.each([{ failureMode: 'strict' }, { dryRun: true }] as const)(
    'what the owner wrote before stays as it was when nothing is kept: %j',
    async (options) => {
      const { rows, bad, learners } = await situation()
      const [own] = await addLearners(db, 1)
      await db.transaction().execute(async (trx) => {
        await trx
          .updateTable('learners')
          .set({ name: 'Owner' })
          .where('id', '=', own?.id ?? 0)
          .execute()
        const answer = await enroll(trx, customer, [...rows, bad], options)
        expect(answer.status).not.toBe('applied')
        await trx
          .updateTable('learners')
          .set({ country: 'CH' })
          .where('id', '=', own?.id ?? 0)
          .execute()
      })
      const columns = await db
        .selectFrom('learners')
        .select(['name', 'country'])
        .where('id', '=', own?.id ?? 0)
        .executeTakeFirst()
      expect(columns).toEqual({ name: 'Owner', country: 'CH' })
      expect(await enrollmentInWords(db, learners[0]?.id ?? 0, rows[0]?.courseId ?? '')).toBe(null)
    },
  )

  test('an unknown customer leaves it usable', async () => {
    await db.transaction().execute(async (trx) => {
      const unknown = enroll(trx, { uuid: randomUUID() }, [{ userId: '1', courseId: 'x' }])
      await expect(unknown).rejects.toMatchObject({ code: 'customerNotFound' })
      expect(await trx.selectFrom('learners').select('id').limit(1).execute()).toHaveLength(1)
    })
  })
})

describe('an idempotency key', () => {
  test('gives the first answer again', async () => {
    const { rows, bad } = await situation()
    const options = { idempotencyKey: randomUUID(), notify: true }
    const first = await enroll(db, customer, [...rows, bad], options)
    const stored = await everythingIn(db)
    const second = await enroll(db, customer, [...rows, bad], options)
    expect(second).toEqual({ ...first, status: 'replayed' })
    expect(JSON.stringify(second.rows)).toBe(JSON.stringify(first.rows))
    expect(await everythingIn(db)).toEqual(stored)
  })

  test('is for one input', async () => {
    const { rows } = await situation()
    const idempotencyKey = randomUUID()
    await enroll(db, customer, rows, { idempotencyKey })
    const other = enroll(db, customer, rows.slice(1), { idempotencyKey })
    await expect(other).rejects.toMatchObject({ name: 'EnrollmentError', code: 'idempotencyMismatch' })
    const reason = enroll(db, customer, rows, { idempotencyKey, reason: 'another' })
    await expect(reason).rejects.toMatchObject({ code: 'idempotencyMismatch' })
  })

  test('is each actor’s and each customer’s own', async () => {
    const { rows } = await situation()
    const idempotencyKey = randomUUID()
    await enroll(db, customer, rows, { idempotencyKey })
    expect((await enroll(db, await addCustomer(db), rows, { idempotencyKey })).status).toBe('applied')
    const context = contextOf(db, { actor: { kind: 'user', name: 'other' } })
    const request = { customer: customer.uuid, rows, idempotencyKey }
    expect((await enrollLearners(context, request)).status).toBe('applied')
  })

  test('is free again after a strict request that was refused', async () => {
    const { rows, bad } = await situation()
    const options = { idempotencyKey: randomUUID(), failureMode: 'strict' } as const
    expect((await enroll(db, customer, [...rows, bad], options)).status).toBe('rolledBack')
    expect((await enroll(db, customer, rows, options)).status).toBe('applied')
  })

  test('that others use at the same time does the work once', async () => {
    const { rows } = await situation()
    const idempotencyKey = randomUUID()
    const answers = await Promise.all(Array.from({ length: 8 }, () => enroll(db, customer, rows, { idempotencyKey })))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([
      'applied',
      ...Array.from({ length: 7 }, () => 'replayed'),
    ])
    expect(new Set(answers.map(({ batchId }) => batchId)).size).toBe(1)
  })

  test('is free again when the transaction of its owner is rolled back, for one who waited', async () => {
    const { rows } = await situation()
    const idempotencyKey = randomUUID()
    const trx = await db.startTransaction().execute()
    await enroll(trx, customer, rows, { idempotencyKey })
    const waiting = enroll(db, customer, rows, { idempotencyKey })
    await untilWaiting(db)
    await trx.rollback().execute()
    expect(await waiting).toMatchObject({ status: 'applied', counts: { created: 3, pendingCreated: 1 } })
  })
})

/** Three learners and an address to enroll, and a row that is refused. */
async function situation() {
  const learners = await addLearners(db, 3)
  const [courseId, closed] = [await addCourse(db), await addCourse(db, { enrollment_end: PAST })]
  const rows: RowRequest[] = [
    ...learners.map(({ id }) => ({ userId: String(id), courseId, funding: license('L') })),
    { email: `${randomUUID()}@example.com`, courseId, funding: license('L') },
  ]
  const bad: RowRequest = { userId: String((await addLearner(db)).id), courseId: closed }
  return { learners, rows, bad }
}
