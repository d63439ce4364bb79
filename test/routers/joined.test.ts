import { sql, type Kysely } from 'kysely'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../core/database/open.ts'
import type { DB } from '../../core/database/schema.ts'
import type { Outcome } from '../../routers/index.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { openWire, type Wire } from '../support/wire.ts'
import { callerOf } from './calls.ts'

const CALLS = 12

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())

// A pool for each test: readers of the feed are woken beside the calls, and a moment after those of the test before.
let wire: Wire
let pool: Database
beforeEach(async () => {
  wire = await openWire(connectionString)
  pool = openDatabase({ connectionString: wire.connectionString, poolSize: 4 })
  // So that no connection has yet to be made.
  await Promise.all(Array.from({ length: 4 }, () => sql`select pg_sleep(0.05)`.execute(pool)))
})
afterEach(async () => {
  await pool.destroy()
  await wire[Symbol.asyncDispose]()
})

describe.each<[string, Parameters<typeof addCourse>[1]]>([
  ['an open course run', {}],
  ['a course run with seats', { max_enrollments: 100 }],
])('calls in a joined transaction, in %s', (_, columns) => {
  test('run on its connection alone, each with all its statements', async () => {
    const [alone, together] = [await pairsIn(columns, 1), await pairsIn(columns, CALLS)]
    await pool.transaction().execute(async (trx) => {
      const own = await backendOf(trx)
      const lone = await requestsDuring(() => enrollAll(trx, alone))
      const all = await requestsDuring(() => enrollAll(trx, together))
      expect([...lone.keys()]).toEqual([own])
      expect([...all.keys()]).toEqual([own])
      expect(all.get(own)).toBe(CALLS * (lone.get(own) ?? 0))
    })
  })

  test('on the pool take fewer, on any (so it is the transaction that gathers nothing)', async () => {
    const [alone, together] = [await pairsIn(columns, 1), await pairsIn(columns, CALLS)]
    const lone = sum(await requestsDuring(() => enrollAll(pool, alone)))
    const all = sum(await requestsDuring(() => enrollAll(pool, together)))
    expect(lone).toBeGreaterThan(0)
    expect(all).toBeLessThan((CALLS / 2) * lone)
  })
})

test('of two transactions and calls on the pool, all at once, a rollback takes back exactly its own', async () => {
  const [undone, done, beside] = await Promise.all([1, 2, 3].map(() => pairsIn({}, CALLS)))
  const [first, second] = [await pool.startTransaction().execute(), await pool.startTransaction().execute()]
  const outcomes = await Promise.all([enrollAll(first, undone), enrollAll(second, done), enrollAll(pool, beside)])
  expect(outcomes.flat().map(({ kind }) => kind)).toEqual(outcomes.flat().map(() => 'created'))
  await first.rollback().execute()
  await second.commit().execute()
  expect(await versions(undone)).toEqual([])
  expect(await versions(done)).toEqual(Array.from({ length: CALLS }, () => 1))
  expect(await versions(beside)).toEqual(Array.from({ length: CALLS }, () => 1))
  expect((await enrollAll(pool, undone)).map(({ kind }) => kind)).toEqual(undone?.map(() => 'created'))
})

interface Pair {
  username: string
  courseId: string
}

async function pairsIn(columns: Parameters<typeof addCourse>[1], count: number): Promise<Pair[]> {
  const courseId = await addCourse(db, columns)
  return (await addLearners(db, count)).map(({ username }) => ({ username, courseId }))
}

function enrollAll(on: Kysely<DB>, pairs: readonly Pair[] = []): Promise<Outcome[]> {
  return Promise.all(pairs.map((pair) => callerOf(on).enrollment.enroll(pair)))
}

async function backendOf(trx: Kysely<DB>): Promise<number> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
  return rows[0]?.pid ?? 0
}

/** How many requests each backend has answered meanwhile, by its process id. */
async function requestsDuring(work: () => Promise<unknown>): Promise<Map<number, number>> {
  const before = new Map(wire.answered())
  await work()
  const grown = [...wire.answered()].map(([pid, count]) => [pid, count - (before.get(pid) ?? 0)] as const)
  return new Map(grown.filter(([, count]) => count > 0))
}

function sum(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0)
}

/** The versions of the events of the pairs. */
async function versions(pairs: readonly Pair[] = []): Promise<number[]> {
  const all = await Promise.all(pairs.map((pair) => callerOf(db).enrollment.history(pair)))
  return all.flat().map(({ version }) => version)
}
