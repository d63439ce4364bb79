import { sql, type ControlledTransaction } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { createCaller, enrollmentErrorFrom, type Outcome } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'

const actor = { kind: 'service', name: 'tests' } as const

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = createCaller({ db, actor })

type Level = 'read committed' | 'repeatable read' | 'serializable'
const SNAPSHOTS = ['repeatable read', 'serializable'] as const

describe.each(SNAPSHOTS)('a transaction on an older snapshot: %s', (level) => {
  test('does not take a seat that was taken since', async () => {
    const courseId = await addCourse(db, { max_enrollments: 1 })
    const [early, late] = await pairsIn(courseId, 2)
    const trx = await begin(level)
    await enrollment.enroll(early)
    expect(await codeOf(createCaller({ db: trx, actor }).enrollment.enroll(late))).toBe('unavailable')
    await trx.rollback().execute()
    expect(await active(courseId)).toBe(1)
    expect(await codeOf(enrollment.enroll(late))).toBe('courseFull')
  })

  test('does not change an enrollment that was changed since', async () => {
    const [pair] = await pairsIn(await addCourse(db, { modes: ['audit', 'honor', 'verified'] }), 1)
    await enrollment.enroll(pair)
    const trx = await begin(level)
    await enrollment.change({ ...pair, mode: 'honor' })
    const change = createCaller({ db: trx, actor }).enrollment.change({ ...pair, mode: 'verified' })
    expect(await codeOf(change)).toBe('unavailable')
    await trx.rollback().execute()
    expect(await enrollment.get(pair)).toMatchObject({ mode: 'honor', version: 2 })
  })

  test('does not create an enrollment that was created since', async () => {
    const [pair] = await pairsIn(await addCourse(db), 1)
    const trx = await begin(level)
    await enrollment.enroll(pair)
    const again = createCaller({ db: trx, actor }).enrollment.enroll({ ...pair, mode: 'verified' })
    expect(await codeOf(again)).toBe('unavailable')
    await trx.rollback().execute()
    expect(await enrollment.get(pair)).toMatchObject({ mode: 'audit', version: 1 })
  })

  test('enrolls where nobody was faster', async () => {
    const [pair] = await pairsIn(await addCourse(db, { max_enrollments: 1 }), 1)
    const trx = await begin(level)
    expect(await codeOf(createCaller({ db: trx, actor }).enrollment.enroll(pair))).toBe('created')
    await trx.commit().execute()
    expect(await enrollment.get(pair)).toMatchObject({ version: 1 })
  })
})

test.each<[Level, (kept: number) => boolean]>([
  ['read committed', (kept) => kept === 10],
  ['repeatable read', (kept) => kept <= 10 && kept > 0],
  ['serializable', (kept) => kept <= 10 && kept > 0],
])('forty transactions at once never oversell ten seats: %s', async (level, expected) => {
  const courseId = await addCourse(db, { max_enrollments: 10 })
  const pairs = await pairsIn(courseId, 40)
  const kept = await Promise.all(pairs.map((pair) => enrollIn(level, pair)))
  const codes = new Set(kept)
  const seats = kept.filter((code) => code === 'created').length
  expect(expected(seats)).toBe(true)
  expect(await active(courseId)).toBe(seats)
  expect([...codes].filter((code) => !/^(created|courseFull|unavailable)$/.test(code))).toEqual([])
})

test('in READ COMMITTED a call sees what was done since, and goes on (so it is the snapshot that refuses)', async () => {
  const courseId = await addCourse(db, { max_enrollments: 1 })
  const [early, late] = await pairsIn(courseId, 2)
  const trx = await begin('read committed')
  await enrollment.enroll(early)
  expect(await codeOf(createCaller({ db: trx, actor }).enrollment.enroll(late))).toBe('courseFull')
  await enrollment.change({ ...early, mode: 'verified' })
  const change = createCaller({ db: trx, actor }).enrollment.change({ ...early, mode: 'audit' })
  expect(await codeOf(change)).toBe('modeChanged')
  await trx.commit().execute()
  expect(await enrollment.get(early)).toMatchObject({ mode: 'audit', version: 3 })
})

/** A transaction that has taken its snapshot. */
async function begin(level: Level): Promise<ControlledTransaction<DB>> {
  const trx = await db.startTransaction().setIsolationLevel(level).execute()
  await sql`select 1 from courses limit 1`.execute(trx)
  return trx
}

/** Enrolls in a transaction of its own and commits it, unless that fails. */
async function enrollIn(level: Level, pair: Pair): Promise<string> {
  const transaction = db
    .transaction()
    .setIsolationLevel(level)
    .execute(async (trx) => {
      await sql`select 1 from courses limit 1`.execute(trx)
      return createCaller({ db: trx, actor }).enrollment.enroll(pair)
    })
  return codeOf(transaction)
}

function codeOf(call: Promise<Outcome>): Promise<string> {
  return call.then(
    ({ kind }) => kind,
    (error: unknown) => enrollmentErrorFrom(error)?.code ?? String(error),
  )
}

interface Pair {
  username: string
  courseId: string
}

async function pairsIn(courseId: string, count: number): Promise<[Pair, Pair, ...Pair[]]> {
  const learners = count === 1 ? [await addLearner(db)] : await addLearners(db, count)
  return learners.map(({ username }) => ({ username, courseId })) as [Pair, Pair]
}

async function active(courseId: string): Promise<number> {
  return (await enrollment.search({ courseIds: [courseId], isActive: true })).items.length
}
