// slow: waits for deadlines
import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { callerOf, refusalOf } from './calls.ts'

// A lock that somebody holds delays only those who need it, whatever their number (rpc §1).

const database = await createTestDatabase()
// Where somebody waits to the end that is soon; where nobody should, it is longer than any machine stands still.
const { connectionString } = database
const impatient = openDatabase({ connectionString, poolSize: 4, lockTimeoutMs: 1_500 })
const pool = openDatabase({ connectionString, poolSize: 4, lockTimeoutMs: 60_000, requestDeadlineMs: 60_000 })
const owner = database.db
afterAll(async () => {
  await impatient.destroy()
  await pool.destroy()
  await database[Symbol.asyncDispose]()
})
const { enrollment } = callerOf(pool)

/** Pairs in one course run. */
async function pairsIn(columns: { max_enrollments?: number }, count: number) {
  const courseId = await addCourse(owner, columns)
  return (await addLearners(owner, count)).map(({ username }) => ({ username, courseId }))
}

/** Holds what an enrollment of the pair locks, until the result is disposed of. */
async function hold(pair: { username: string; courseId: string }) {
  const trx = await owner.startTransaction().execute()
  await callerOf(trx).enrollment.enroll(pair)
  return { [Symbol.asyncDispose]: () => trx.commit().execute() }
}

describe('while a joined transaction holds an enrollment', () => {
  test('single calls of others go on, beside many that need it', async () => {
    const [held, ...others] = await pairsIn({}, 41)
    if (held === undefined) throw new Error('No pair')
    let isOver = false
    const waiting = []
    {
      await using _ = await hold(held)
      waiting.push(...Array.from({ length: 20 }, () => enrollment.enroll(held)))
      for (const call of waiting) call.catch(() => {}).finally(() => (isOver = true))
      const outcomes = await Promise.all(others.map((pair) => enrollment.enroll(pair)))
      expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['created']))
      // One after another too, and with attributes, which take a transaction.
      for (const pair of others.slice(0, 5)) await enrollment.change({ ...pair, isActive: false, attributes: [] })
      expect(isOver, 'those who need it wait').toBe(false)
    }
    expect(new Set((await Promise.all(waiting)).map(({ kind }) => kind))).toEqual(new Set(['unchanged']))
  })

  test('those who need it are told in the end that it is unavailable', async () => {
    const [held] = await pairsIn({}, 1)
    if (held === undefined) throw new Error('No pair')
    await using _ = await hold(held)
    const { enrollment: brief } = callerOf(impatient)
    expect(await refusalOf(brief.enroll(held))).toMatchObject({ code: 'unavailable' })
    expect(await refusalOf(brief.enrollMany({ items: [held], failureMode: 'strict' }))).toMatchObject({
      code: 'unavailable',
    })
  })

  test('a batch of which one row needs it writes the others', async () => {
    const pairs = await pairsIn({}, 30)
    const [held] = pairs
    if (held === undefined) throw new Error('No pair')
    await using _ = await hold(held)
    const { counts } = await callerOf(impatient).enrollment.enrollMany({ items: pairs })
    expect(counts).toEqual({ created: 29, unavailable: 1 })
  })

  test('batches that need it do not take the pool', async () => {
    const [held, ...others] = await pairsIn({}, 20)
    if (held === undefined) throw new Error('No pair')
    const batches: Promise<unknown>[] = []
    {
      await using _ = await hold(held)
      for (let n = 0; n < 12; n += 1) {
        batches.push(enrollment.enrollMany({ items: [held, ...others.slice(0, 3)] }))
        batches.push(enrollment.enrollMany({ items: [held], failureMode: 'strict' }))
      }
      let isOver = false
      for (const batch of batches) batch.catch(() => {}).finally(() => (isOver = true))
      for (const pair of others.slice(5)) expect((await enrollment.enroll(pair)).kind).toBe('created')
      expect(isOver).toBe(false)
    }
    await Promise.all(batches)
  })
})

test('while the seats of four course runs are held, the fifth is not stopped', async () => {
  const runs = await Promise.all(Array.from({ length: 5 }, () => pairsIn({ max_enrollments: 10 }, 4)))
  const waiting: Promise<unknown>[] = []
  {
    await using holds = new AsyncDisposableStack()
    for (const [first] of runs.slice(0, 4)) if (first) holds.use(await hold(first))
    for (const [, ...pairs] of runs.slice(0, 4)) waiting.push(...pairs.map((pair) => enrollment.enroll(pair)))
    let isOver = false
    for (const call of waiting) call.catch(() => {}).finally(() => (isOver = true))
    for (const pair of runs[4] ?? []) expect((await enrollment.enroll(pair)).kind).toBe('created')
    expect(isOver).toBe(false)
  }
  await Promise.all(waiting)
})
