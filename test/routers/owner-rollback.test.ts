// slow: many calls against each other
import { sql, type DatabaseConnection, type Kysely } from 'kysely'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { enrollmentErrorFrom } from '../../routers/index.ts'
import { foreignPool, ownPool, type OwnersDB } from '../support/any-kysely.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { callerOf } from './calls.ts'

const ROUNDS = 150
const CALLS = 6

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database
await sql`create table ledger (note text not null)`.execute(db)

describe.each([
  ['our own pool of one connection', () => ownPool(connectionString, 1)],
  ['our own pool of two', () => ownPool(connectionString, 2)],
  ['a foreign pool of one connection', () => foreignPool(connectionString, { max: 1 })],
  ['a foreign pool of two', () => foreignPool(connectionString, { max: 2 })],
])('the owner rolls back while calls wait and run, and the connection is used again at once: %s', (_, open) => {
  test.each(['with a function', 'with a handle'] as const)('a transaction %s', async (kind) => {
    await using pool = open()
    const courses = [await addCourse(db), await addCourse(db, { max_enrollments: 100_000 })]
    const learners = await addLearners(db, CALLS)
    await sql`truncate ledger`.execute(db)
    const all: string[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const calls: Promise<string>[] = []
      const made = async (trx: Kysely<OwnersDB>) => {
        const { enrollment } = callerOf(trx)
        for (const [index, { username }] of learners.entries()) {
          const pair = { username, courseId: courses[(index + round) % 2] ?? '' }
          const strict = { items: [pair, { ...pair, courseId: 'no key' }], failureMode: 'strict' as const }
          calls.push(told(index % 3 === 2 ? enrollment.enrollMany(strict) : enrollment.enroll(pair)))
        }
        await aWhile(round, calls)
      }
      await (kind === 'with a function' ? undoneFunction(pool, made) : undoneHandle(pool, made))
      // Whoever has the connection next commits at the end.
      await pool.transaction().execute(async (trx) => {
        await sql`insert into ledger values ('of the next')`.execute(trx)
        await sql`select pg_sleep(0)`.execute(trx)
        await Promise.all(calls)
      })
      all.push(...(await Promise.all(calls)))
    }
    const rows = await db.selectFrom('enrollments').select('id').execute()
    expect(rows).toEqual([])
    expect(await db.selectFrom('enrollment_events').select('id').execute()).toEqual([])
    expect(await notes()).toBe(ROUNDS)
    // Some had ended before, some came too late.
    expect([...new Set(all)].toSorted()).toEqual(['answered', 'unavailable'])
  })
})

test.each([
  ['our own pool', () => ownPool(connectionString, 1)],
  ['a foreign pool', () => foreignPool(connectionString, { max: 1 })],
])(
  'a plain statement on the connection is kept after the rollback (so it is our look at it that helps): %s',
  async (_, open) => {
    await using pool = open()
    await sql`truncate ledger`.execute(db)
    const kept: DatabaseConnection[] = []
    const undone = pool.transaction().execute(async (trx) => {
      await trx.getExecutor().provideConnection(async (connection) => void kept.push(connection))
      throw new Error('changed my mind')
    })
    await expect(undone).rejects.toThrow('changed my mind')
    for (const connection of kept) {
      await connection.executeQuery(sql`insert into ledger values ('kept')`.compile(pool))
    }
    expect(await notes()).toBe(1)
  },
)

type Made = (trx: Kysely<OwnersDB>) => Promise<void>

async function undoneFunction(pool: Kysely<OwnersDB>, made: Made): Promise<void> {
  const undone = pool.transaction().execute(async (trx) => {
    await made(trx)
    throw new Error('changed my mind')
  })
  await expect(undone).rejects.toThrow('changed my mind')
}

async function undoneHandle(pool: Kysely<OwnersDB>, made: Made): Promise<void> {
  const trx = await pool.startTransaction().execute()
  await made(trx)
  await trx.rollback().execute()
}

/**
 * Some turns of the event loop, so that the rollback falls between other statements each time; none at all at first. In every
 * fifth round one of the calls has ended before, however slow the machine is.
 */
async function aWhile(round: number, calls: readonly Promise<string>[]): Promise<void> {
  if (round % 5 === 4) await calls[round % CALLS]
  for (let turns = 0; turns < round % 25; turns += 1) await turn()
}

async function told(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'answered',
    (error: unknown) => enrollmentErrorFrom(error)?.code ?? String(error),
  )
}

async function notes(): Promise<number> {
  return (await sql`select from ledger`.execute(db)).rows.length
}
