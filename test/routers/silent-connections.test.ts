// slow: waits for deadlines
import { CompiledQuery } from 'kysely'
import { afterAll, afterEach, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { openSilentProxy } from '../support/silent-proxy.ts'
import { callerOf, refusalOf } from './calls.ts'

// Connections that went silent are dropped, and every call ends by its deadline (rpc §1).

const DEADLINE_MS = 6_000
const database = await createTestDatabase()
const proxy = await openSilentProxy(database.connectionString)
const pool = openDatabase({
  connectionString: proxy.url,
  poolSize: 4,
  statementTimeoutMs: 500,
  lockTimeoutMs: 400,
  connectionTimeoutMs: 1_000,
  requestDeadlineMs: DEADLINE_MS,
  maxWaitingCalls: 200,
})
const { enrollment } = callerOf(pool)
afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  void pool.destroy()
  await database[Symbol.asyncDispose]()
})
afterEach(async () => {
  proxy.resume()
  // The next test begins with connections that live.
  const ask = () => pool.executeQuery(CompiledQuery.raw('select pg_sleep(0.01)'))
  await eventually(() => Promise.all(Array.from({ length: 4 }, ask)), 100)
})

async function freshPairs(count: number) {
  const courseId = await addCourse(database.db)
  return (await addLearners(database.db, count)).map(({ username }) => ({ username, courseId }))
}

test('when the database goes silent each call is refused by its deadline, and service returns with it', async () => {
  const pairs = await freshPairs(30)
  const [first, ...others] = pairs
  if (first === undefined) throw new Error('No pair')
  // The limits of this pool are short: a machine that stands still for a moment is no silent database.
  await eventually(() => enrollment.enroll(first))
  proxy.silence()
  const refusals = await Promise.all(others.map(async (pair) => (await refusalOf(enrollment.enroll(pair))).code))
  expect(new Set(refusals)).toEqual(new Set(['unavailable']))
  // Nothing has come from the database: where a call waited for it, so would this test.
  proxy.resume()
  await eventually(() => enrollment.enroll(first), 100)
})

test('half of the connections going silent ends in answers', async () => {
  const pairs = await freshPairs(60)
  // As many connections as the pool has.
  const strict = (pair: (typeof pairs)[number]) =>
    eventually(() => enrollment.enrollMany({ items: [pair], failureMode: 'strict' }))
  await Promise.all(pairs.slice(0, 20).map(strict))
  const opened = proxy.opened()
  proxy.silence((number) => number < opened && number % 2 === 0)
  const outcomes = await Promise.all(
    pairs.slice(20).map(async (pair) => {
      for (let attempt = 0; attempt < 10; attempt += 1) {
        try {
          return (await enrollment.enroll(pair)).kind
        } catch {
          // Refused as unavailable: it is safe to repeat.
        }
      }
      return 'never'
    }),
  )
  expect(outcomes).not.toContain('never')
})

test('beyond the number of calls that may wait they are refused at once', async () => {
  const pairs = await freshPairs(300)
  proxy.silence()
  const refusals: ('at once' | 'at the deadline')[] = []
  const calls = pairs.map(async (pair) => {
    const { code, details } = await refusalOf(enrollment.enroll(pair))
    refusals.push('retryAfterMs' in (details ?? {}) ? 'at once' : 'at the deadline')
    return code
  })
  const codes = await Promise.all(calls)
  expect(new Set(codes)).toEqual(new Set(['unavailable']))
  expect(refusals.indexOf('at the deadline'), 'before any that waits').toBe(100)
  expect(refusals.filter((refusal) => refusal === 'at once')).toHaveLength(100)
})

test('a call that was aborted stops waiting, and is not carried out', async () => {
  const [pair, held] = await freshPairs(2)
  if (pair === undefined || held === undefined) throw new Error('No pairs')
  const abort = new AbortController()
  await database.db.transaction().execute(async (trx) => {
    await callerOf(trx).enrollment.enroll(held)
    const call = enrollment.enroll(held, { signal: abort.signal })
    const inTransaction = callerOf(trx)
    const queued = [
      inTransaction.enrollment.enroll(pair),
      inTransaction.enrollment.change({ ...pair, isActive: false }, { signal: abort.signal }),
    ]
    abort.abort(new Error('no longer wanted'))
    await expect(call).rejects.toThrow('no longer wanted')
    await expect(queued[1]).rejects.toThrow('no longer wanted')
    await queued[0]
  })
  expect(await enrollment.get(pair)).toMatchObject({ version: 1, isActive: true })
})

test('statements that the server forgot, or whose plan no longer fits, are prepared again', async () => {
  // On a pool that waits as long as usual.
  await using patient = openDatabase({ connectionString: database.connectionString, poolSize: 4 })
  const { enrollment } = callerOf(patient)
  const [first, second, third] = await freshPairs(3)
  if (!first || !second || !third) throw new Error('No pairs')
  expect((await enrollment.enroll(first)).kind).toBe('created')
  await Promise.all(
    Array.from({ length: 8 }, () =>
      patient.connection().execute((one) => one.executeQuery({ sql: 'deallocate all' } as never)),
    ),
  )
  expect((await enrollment.enroll(second)).kind).toBe('created')
  await database.db.schema
    .alterTable('enrollments')
    .alterColumn('mode', (column) => column.setDataType('varchar'))
    .execute()
  expect((await enrollment.enroll(third)).kind).toBe('created')
  expect((await enrollment.enrollMany({ items: [third], failureMode: 'strict' })).counts).toEqual({ unchanged: 1 })
})
