import type { TRPCError } from '@trpc/server'
import { sql, type Kysely } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { DB } from '../../core/database/schema.ts'
import type { Caller } from '../../routers/index.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner, addLearners } from '../support/seed.ts'
import { callerOf, refusalOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
await sql`create table ledger (note text not null)`.execute(db)

let pair: { username: string; courseId: string }
beforeEach(async () => {
  await sql`truncate ledger`.execute(db)
  pair = { username: (await addLearner(db)).username, courseId: await addCourse(db) }
})

describe('in a transaction of the caller’s owner', () => {
  test('both commit', async () => {
    await db.transaction().execute(async (trx) => {
      await note(trx, 'paid')
      await callerOf(trx).enrollment.enroll(pair)
      await callerOf(trx).enrollment.change({ ...pair, mode: 'verified' })
    })
    expect(await notes(db)).toEqual(['paid'])
    expect(await callerOf(db).enrollment.get(pair)).toMatchObject({ mode: 'verified', version: 2 })
    expect(await callerOf(db).enrollment.history(pair)).toHaveLength(2)
  })

  test.each<[string, (caller: Caller) => Promise<unknown>]>([
    ['enroll', ({ enrollment }) => enrollment.enroll(pair)],
    ['enrollMany', ({ enrollment }) => enrollment.enrollMany({ items: [pair] })],
    ['enrollMany, strict', ({ enrollment }) => enrollment.enrollMany({ items: [pair], failureMode: 'strict' })],
    [
      'with attributes',
      ({ enrollment }) => enrollment.enroll({ ...pair, attributes: [{ namespace: 'a', name: 'b', value: 'c' }] }),
    ],
  ])('neither is kept when it is rolled back: %s', async (_, call) => {
    const undone = db.transaction().execute(async (trx) => {
      await note(trx, 'paid')
      await call(callerOf(trx))
      expect(await callerOf(trx).enrollment.get(pair)).toMatchObject({ version: 1 })
      throw new Error('changed my mind')
    })
    await expect(undone).rejects.toThrow('changed my mind')
    expect(await notes(db)).toEqual([])
    expect(await callerOf(db).enrollment.get(pair)).toBeNull()
    expect(await callerOf(db).enrollment.history(pair)).toEqual([])
  })

  test('a call on the pool beside it stays (so it is the transaction that takes the others back)', async () => {
    const undone = db.transaction().execute(async (trx) => {
      await note(trx, 'paid')
      await callerOf(db).enrollment.enroll(pair)
      throw new Error('changed my mind')
    })
    await expect(undone).rejects.toThrow('changed my mind')
    expect(await callerOf(db).enrollment.get(pair)).toMatchObject({ version: 1 })
  })

  test('nobody else sees it before it commits, and its owner sees it at once', async () => {
    const trx = await db.startTransaction().execute()
    await callerOf(trx).enrollment.enroll(pair)
    expect(await callerOf(trx).enrollment.get(pair)).toMatchObject({ version: 1 })
    expect(await callerOf(trx).enrollment.list({ username: pair.username })).toHaveLength(1)
    expect(await callerOf(db).enrollment.get(pair)).toBeNull()
    expect(await callerOf(db).enrollment.search({ courseIds: [pair.courseId] })).toMatchObject({ items: [] })
    expect(await callerOf(db).enrollment.history(pair)).toEqual([])
    await trx.commit().execute()
    expect(await callerOf(db).enrollment.get(pair)).toMatchObject({ version: 1 })
  })

  test('everything runs on its connection', async () => {
    const trx = await db.startTransaction().execute()
    await callerOf(trx).enrollment.enroll(pair)
    await callerOf(trx).enrollment.enrollMany({ items: [{ ...pair, mode: 'verified', whenEnrolled: 'update' }] })
    await callerOf(trx).enrollment.unenrollAll({ username: pair.username })
    expect(await callerOf(trx).enrollment.history(pair)).toHaveLength(3)
    expect(await callerOf(db).enrollment.history(pair)).toEqual([])
    await trx.rollback().execute()
  })
})

describe('an error of the domain', () => {
  test('leaves the transaction usable, whichever it is', async () => {
    const full = await addCourse(db, { max_enrollments: 0, modes: ['audit', 'credit'] })
    const closed = await addCourse(db, { invitation_only: true })
    const codes: (string | undefined)[] = []
    await db.transaction().execute(async (trx) => {
      await note(trx, 'before')
      const { enrollment } = callerOf(trx)
      await enrollment.enroll(pair)
      const attributes = JSON.parse('[{"namespace":"a","name":"b","value":"c"},{}]')
      for (const call of [
        () => enrollment.enroll({ ...pair, username: 'nobody' }),
        () => enrollment.enroll({ ...pair, courseId: 'no key' }),
        () => enrollment.enroll({ ...pair, courseId: 'course-v1:No+Such+Course' }),
        () => enrollment.enroll({ ...pair, mode: 'masters' }),
        () => enrollment.enroll({ ...pair, courseId: closed }),
        () => enrollment.enroll({ ...pair, courseId: full }),
        () => enrollment.enroll({ ...pair, attributes }),
        () => enrollment.change({ ...pair, courseId: full, isActive: false }),
        () => enrollment.change({ ...pair, mode: 'verified', isActive: false }),
        () => enrollment.change({ ...pair, mode: 'verified', expectedVersion: 9 }),
        () => enrollment.enrollMany({ items: Array.from({ length: 10_001 }, () => pair) }),
        () => enrollment.unenrollAll({ username: 'nobody' }),
        () => enrollment.enroll({ ...pair, mode: '' }),
      ]) {
        const { trpc, code } = await refusalOf(call())
        codes.push(code ?? trpc)
        await note(trx, 'still here')
      }
    })
    expect(codes).toEqual([
      'learnerNotFound',
      'invalidCourseKey',
      'courseNotFound',
      'modeUnavailable',
      'enrollmentClosed',
      'courseFull',
      'invalidAttribute',
      'notEnrolled',
      'modeMismatch',
      'versionConflict',
      'batchTooLarge',
      'learnerNotFound',
      'BAD_REQUEST',
    ])
    expect(await notes(db)).toHaveLength(1 + codes.length)
    expect(await callerOf(db).enrollment.get(pair)).toMatchObject({ version: 1 })
  })

  test('an error of SQL does not (so none of those above was one)', async () => {
    const aborted = db.transaction().execute(async (trx) => {
      await expect(sql`select 1 / 0`.execute(trx)).rejects.toThrow('division by zero')
      await note(trx, 'after')
    })
    await expect(aborted).rejects.toThrow('current transaction is aborted')
  })
})

describe('a finished transaction', () => {
  const REFUSED = 'SERVICE_UNAVAILABLE: The service cannot answer now; the call is safe to repeat.'

  test.each(['commit', 'rollback'] as const)('takes no more calls after its %s, and writes nothing', async (end) => {
    const trx = await db.startTransaction().execute()
    const caller = callerOf(trx)
    await trx[end]().execute()
    expect(new Set(await answers(caller))).toEqual(new Set([REFUSED]))
    expect(await callerOf(db).enrollment.get(pair)).toBeNull()
  })

  test('that was opened with a function takes none after it either', async () => {
    const callers: Caller[] = []
    await db.transaction().execute(async (trx) => void callers.push(callerOf(trx)))
    for (const caller of callers) {
      expect(new Set(await answers(caller))).toEqual(new Set([REFUSED]))
    }
    expect(await callerOf(db).enrollment.get(pair)).toBeNull()
  })

  test('took the same calls while it was open (so it is its end that stops them)', async () => {
    const trx = await db.startTransaction().execute()
    expect(new Set(await answers(callerOf(trx)))).toEqual(new Set(['answered']))
    await trx.commit().execute()
    expect(await callerOf(db).enrollment.get(pair)).not.toBeNull()
  })

  async function answers({ enrollment, events }: Caller): Promise<string[]> {
    const told: string[] = []
    for (const call of [
      () => enrollment.enroll(pair),
      () => enrollment.enrollMany({ items: [pair], failureMode: 'strict' }),
      () => enrollment.unenrollAll({ username: pair.username }),
      () => enrollment.get(pair),
      () => events.list({}),
    ]) {
      const inWords = (error: TRPCError) => `${error.code}: ${error.cause?.message}`
      told.push(await call().then(() => 'answered', inWords))
    }
    return told
  }
})

describe('a batch in a transaction', () => {
  test.each([
    ['strict with a failing item', { failureMode: 'strict' }],
    ['a dry run', { dryRun: true }],
  ] as const)('%s takes itself back and nothing of what the owner wrote before', async (_, options) => {
    const others = await addLearners(db, 3)
    await db.transaction().execute(async (trx) => {
      const { enrollment } = callerOf(trx)
      await note(trx, 'before')
      await sql`savepoint enrollment_batch`.execute(trx)
      await enrollment.enroll(pair)
      const items = others.map(({ username }) => ({ ...pair, username }))
      const failing = [
        ...items,
        { ...pair, mode: 'verified', whenEnrolled: 'update' as const },
        { ...pair, courseId: '' },
      ]
      const { status } = await enrollment.enrollMany({ items: failing, ...options })
      expect(status).toMatch(/^(rolledBack|planned)$/)
      expect(await enrollment.get(pair)).toMatchObject({ version: 1, mode: 'audit' })
      await note(trx, 'after')
      // The owner's own savepoint of the same name is still theirs.
      await sql`release savepoint enrollment_batch`.execute(trx)
    })
    expect(await notes(db)).toEqual(['before', 'after'])
    const { items } = await callerOf(db).enrollment.search({ courseIds: [pair.courseId] })
    expect(items.map(({ username, version }) => [username, version])).toEqual([[pair.username, 1]])
    expect(await callerOf(db).enrollment.history(pair)).toHaveLength(1)
  })

  test('without either keeps the good items (so it is the savepoint that takes them back)', async () => {
    await db.transaction().execute(async (trx) => {
      await callerOf(trx).enrollment.enrollMany({ items: [pair, { ...pair, courseId: '' }] })
    })
    expect(await callerOf(db).enrollment.get(pair)).toMatchObject({ version: 1 })
  })
})

async function note(on: Kysely<DB>, text: string): Promise<void> {
  await sql`insert into ledger values (${text})`.execute(on)
}

async function notes(on: Kysely<DB>): Promise<string[]> {
  return (await sql<{ note: string }>`select note from ledger`.execute(on)).rows.map((row) => row.note)
}
