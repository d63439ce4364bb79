import { sql, type Kysely } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { enrollmentErrorFrom } from '../../routers/index.ts'
import { begunByHand, foreignPool, ownPool, type OwnersDB } from '../support/any-kysely.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { callerOf } from './calls.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
await sql`create table ledger (note text not null)`.execute(db)
const pools = [
  ['our own pool', ownPool(connectionString)],
  ['a foreign pool', foreignPool(connectionString)],
] as const
afterAll(async () => {
  for (const [, pool] of pools) await pool.destroy()
  await database[Symbol.asyncDispose]()
})

interface Pair {
  readonly username: string
  readonly courseId: string
}

let pairs: Pair[]
beforeEach(async () => {
  await sql`truncate ledger`.execute(db)
  const courseId = await addCourse(db)
  pairs = (await addLearners(db, 8)).map(({ username }) => ({ username, courseId }))
})

describe.each(pools)('a transaction begun by hand, on a connection of %s', (_, pool) => {
  test('is joined: its commit keeps what the owner wrote and what the call wrote', async () => {
    await begunByHand(pool, async (connection) => {
      await note(connection, 'paid')
      await callerOf(connection).enrollment.enroll(pair(0))
      expect(await enrolled()).toEqual([])
    })
    expect(await notes()).toEqual(['paid'])
    expect(await enrolled()).toEqual([0])
  })

  test('and its rollback keeps neither', async () => {
    const undone = begunByHand(pool, async (connection) => {
      await note(connection, 'paid')
      const { enrollment } = callerOf(connection)
      await enrollment.enroll(pair(0))
      await enrollment.enrollMany({ items: pairs.slice(1), failureMode: 'strict' })
      throw new Error('changed my mind')
    })
    await expect(undone).rejects.toThrow('changed my mind')
    expect(await notes()).toEqual([])
    expect(await enrolled()).toEqual([])
  })

  test.each([
    ['a failing strict batch', { failureMode: 'strict' }],
    ['a dry run', { dryRun: true }],
  ] as const)('keeps the row of the owner beside %s', async (_name, options) => {
    await begunByHand(pool, async (connection) => {
      await note(connection, 'before')
      const items = [pair(0), { ...pair(1), courseId: 'no key' }]
      const { status } = await callerOf(connection).enrollment.enrollMany({ items, ...options })
      expect(status).toMatch(/^(rolledBack|planned)$/)
      await note(connection, 'after')
    })
    expect(await notes()).toEqual(['before', 'after'])
    expect(await enrolled()).toEqual([])
  })

  test('keeps what was answered, of calls made at once with a failing strict batch and a dry run among them', async () => {
    await begunByHand(pool, async (connection) => {
      const { enrollment } = callerOf(connection)
      const failing = [pair(6), { ...pair(7), courseId: 'no key' }]
      const answers = await Promise.all([
        enrollment.enroll(pair(0)),
        enrollment.enrollMany({ items: failing, failureMode: 'strict' }),
        enrollment.enroll(pair(1)),
        enrollment.enrollMany({ items: [pair(7)], dryRun: true }),
        enrollment.enroll(pair(2)),
        enrollment.enrollMany({ items: failing, failureMode: 'strict' }),
        // A caller of its own for the same connection.
        callerOf(connection).enrollment.enroll(pair(3)),
        note(connection, 'beside'),
      ])
      expect([answers[0], answers[2], answers[4], answers[6]].map(({ kind }) => kind)).toEqual([
        'created',
        'created',
        'created',
        'created',
      ])
    })
    expect(await enrolled()).toEqual([0, 1, 2, 3])
    expect(await notes()).toEqual(['beside'])
  })

  test('has savepoints of the owner, nested, which take back what was called after them', async () => {
    await begunByHand(pool, async (connection) => {
      const { enrollment } = callerOf(connection)
      await enrollment.enroll(pair(0))
      await sql`savepoint outer_one`.execute(connection)
      await enrollment.enroll(pair(1))
      await sql`savepoint inner_one`.execute(connection)
      await enrollment.enrollMany({ items: [pair(2)], failureMode: 'strict' })
      await sql`rollback to savepoint inner_one`.execute(connection)
      expect(await enrollment.get(pair(2))).toBeNull()
      await enrollment.enroll(pair(3))
      await sql`release savepoint inner_one`.execute(connection)
      await sql`rollback to savepoint outer_one`.execute(connection)
      await enrollment.enroll(pair(4))
    })
    expect(await enrolled()).toEqual([0, 4])
  })

  test('that is rolled back takes calls with it that nobody waited for, and none of them is in the next one', async () => {
    await pool.connection().execute(async (connection) => {
      const { enrollment } = callerOf(connection)
      await sql`begin`.execute(connection)
      const calls = pairs.map((pair) => told(enrollment.enroll(pair)))
      await sql`rollback`.execute(connection)
      await sql`begin`.execute(connection)
      await note(connection, 'of the second')
      const answers = await Promise.all(calls)
      await sql`commit`.execute(connection)
      expect([...new Set(answers)].filter((answer) => answer !== 'created')).toEqual(['unavailable'])
    })
    expect(await enrolled()).toEqual([])
    expect(await notes()).toEqual(['of the second'])
  })

  test('can be followed by another, and by calls outside of any', async () => {
    await pool.connection().execute(async (connection) => {
      const { enrollment } = callerOf(connection)
      await enrollment.enroll(pair(0))
      expect(await enrolled()).toEqual([0])
      await sql`begin`.execute(connection)
      await enrollment.enroll(pair(1))
      await sql`rollback`.execute(connection)
      await Promise.all([enrollment.enroll(pair(2)), enrollment.enroll(pair(3))])
      expect(await enrolled()).toEqual([0, 2, 3])
      await sql`begin`.execute(connection)
      await enrollment.enroll(pair(4))
      await sql`commit`.execute(connection)
      const items = [pair(5), { ...pair(6), courseId: 'no key' }]
      expect(await enrollment.enrollMany({ items, failureMode: 'strict' })).toMatchObject({ status: 'rolledBack' })
    })
    expect(await enrolled()).toEqual([0, 2, 3, 4])
  })
})

function pair(index: number): Pair {
  const found = pairs[index]
  if (found === undefined) throw new RangeError(`There is no pair ${index}`)
  return found
}

/** Which of the pairs are enrolled, as everybody sees it. */
async function enrolled(): Promise<number[]> {
  const rows = await callerOf(db).enrollment.getMany({ enrollments: pairs })
  return rows.flatMap((row, index) => (row === null ? [] : [index]))
}

async function told(call: Promise<{ kind: string }>): Promise<string | undefined> {
  return call.then(
    ({ kind }) => kind,
    (error: unknown) => enrollmentErrorFrom(error)?.code ?? String(error),
  )
}

async function note(on: Kysely<OwnersDB>, text: string): Promise<void> {
  await sql`insert into ledger values (${text})`.execute(on)
}

async function notes(): Promise<string[]> {
  return (await sql<{ note: string }>`select note from ledger`.execute(db)).rows.map((row) => row.note)
}
