import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import type { BatchAnswer, Caller } from '../../routers/index.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { untilWaiting } from '../support/waiting.ts'
import { callerOf, refusalOf } from './calls.ts'

type Input = Parameters<Caller['enrollment']['enrollMany']>[0]
type Item = Input['items'][number]

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment } = callerOf(db)

let courseId: string
let items: Item[]
let idempotencyKey: string
let keys = 0
beforeEach(async () => {
  courseId = await addCourse(db)
  const learners = await addLearners(db, 3)
  items = learners.map(({ username }, index) => ({ username, courseId, ref: `row ${index}` }))
  keys += 1
  idempotencyKey = `key ${keys}`
})

describe('in a transaction of the caller’s owner', () => {
  test.each(['bestEffort', 'strict'] as const)('commits with it: %s', async (failureMode) => {
    const first = await db.transaction().execute((trx) => {
      return callerOf(trx).enrollment.enrollMany({ items, failureMode, idempotencyKey })
    })
    const again = await enrollment.enrollMany({ items, failureMode, idempotencyKey })
    expect(again).toEqual({ ...first, status: 'replayed' })
    expect(await events()).toBe(3)
  })

  test.each(['bestEffort', 'strict'] as const)('is gone when it is rolled back: %s', async (failureMode) => {
    const trx = await db.startTransaction().execute()
    await callerOf(trx).enrollment.enrollMany({ items, failureMode, idempotencyKey })
    await trx.rollback().execute()
    expect([await events(), await keysKept()]).toEqual([0, 0])
    expect(await enrollment.enrollMany({ items, failureMode, idempotencyKey })).toMatchObject({ status: 'applied' })
  })

  test('strict that fails, a mismatch and a replay leave it usable', async () => {
    const failing = [...items, { username: 'nobody', courseId }]
    await db.transaction().execute(async (trx) => {
      const inner = callerOf(trx).enrollment
      expect(await inner.enrollMany({ items: failing, failureMode: 'strict', idempotencyKey })).toMatchObject({
        status: 'rolledBack',
      })
      expect(await inner.enrollMany({ items, idempotencyKey })).toMatchObject({ status: 'applied' })
      expect(await refusalOf(inner.enrollMany({ items: failing, idempotencyKey }))).toMatchObject({
        code: 'idempotencyMismatch',
      })
      expect(await inner.enrollMany({ items, idempotencyKey })).toMatchObject({ status: 'replayed' })
      await inner.change({ username: usernameOf(items[0]), courseId, mode: 'verified' })
    })
    expect(await events()).toBe(4)
  })

  test.each(['repeatable read', 'serializable'] as const)(
    'a key that was used since is unavailable: %s',
    async (level) => {
      const trx = await db.startTransaction().setIsolationLevel(level).execute()
      await callerOf(trx).enrollment.list({ username: 'nobody' })
      await enrollment.enrollMany({ items, idempotencyKey })
      const late = callerOf(trx).enrollment.enrollMany({ items, idempotencyKey })
      expect(await refusalOf(late)).toMatchObject({ code: 'unavailable' })
      await trx.rollback().execute()
      expect(await enrollment.enrollMany({ items, idempotencyKey })).toMatchObject({ status: 'replayed' })
    },
  )
})

describe('calls at the same time', () => {
  test.each(['bestEffort', 'strict'] as const)('of twenty with one key one writes: %s', async (failureMode) => {
    const call = () => enrollment.enrollMany({ items, failureMode, idempotencyKey })
    const answers = await Promise.all(Array.from({ length: 20 }, call))
    expect(new Set(answers.map(({ batchId }) => batchId)).size).toBe(1)
    expect(countOf(answers, 'applied')).toBe(1)
    expect(countOf(answers, 'replayed')).toBe(19)
    expect(await events()).toBe(3)
  })

  test('with a key that is in use wait for it', async () => {
    const trx = await db.startTransaction().execute()
    const first = await callerOf(trx).enrollment.enrollMany({ items, idempotencyKey })
    const second = enrollment.enrollMany({ items, idempotencyKey })
    await untilWaiting(db)
    await trx.commit().execute()
    expect(await second).toEqual({ ...first, status: 'replayed' })
  })

  test('of overlapping batches, each with a key and sent twice, all get through once', async () => {
    const capped = await addCourse(db, { max_enrollments: 12 })
    const learners = await addLearners(db, 24)
    const all = [courseId, capped].flatMap((course) =>
      learners.map(({ username }) => ({ username, courseId: course, whenEnrolled: 'update' as const })),
    )
    const batches = Array.from({ length: 12 }, (_, n) => {
      const half = all.filter((_item, index) => (index + n) % 3 > 0).map((item) => ({ ...item, isActive: n % 4 > 0 }))
      return { items: n % 2 === 0 ? half : half.toReversed(), idempotencyKey: `${idempotencyKey} ${n}` }
    })
    const answers = await Promise.all([...batches, ...batches].map((batch) => enrollment.enrollMany(batch)))
    expect([countOf(answers, 'applied'), countOf(answers, 'replayed')]).toEqual([12, 12])
    for (const [n] of batches.entries()) {
      expect(JSON.stringify(answers[n]?.results)).toBe(JSON.stringify(answers[n + 12]?.results))
    }
    const codes = answers.flatMap(({ results }) => results.map((result) => result.ok || result.error.code))
    expect(new Set(codes)).toEqual(new Set([true, 'courseFull']))
  })

  test('that the database ends to break a tie let go of their key, and begin again', async () => {
    const capped = await addCourse(db, { max_enrollments: 12 })
    const batch = { items: items.map((item) => ({ ...item, courseId: capped })), idempotencyKey }
    const url = new URL(database.connectionString)
    url.searchParams.set('options', '-c deadlock_timeout=3s')
    await using patient = openDatabase({ connectionString: url.href })
    const owner = await db.startTransaction().execute()
    await sql`set local deadlock_timeout = '60s'`.execute(owner)
    await owner.selectFrom('courses').select('id').where('course_key', '=', capped).forUpdate().execute()
    // Has the key and waits for the seats; after three seconds it finds that their owner waits for the key.
    const late = callerOf(patient).enrollment.enrollMany(batch)
    await untilWaiting(db)
    const first = await callerOf(owner).enrollment.enrollMany(batch)
    expect(first).toMatchObject({ status: 'applied', counts: { created: 3 } })
    await owner.commit().execute()
    expect(await late).toEqual({ ...first, status: 'replayed' })
  })
})

test('a batch that loses its races again and again is unavailable, leaves nothing and frees the key', async () => {
  await sql`
    create function never() returns trigger language plpgsql as 'begin return null; end';
    create trigger never before insert on enrollments for each row when (new.mode = 'never') execute function never()
  `.execute(db)
  const capped = await addCourse(db, { modes: ['audit', 'never'] })
  const batch = items.map((item, n) => ({ ...item, courseId: capped, mode: n === 1 ? 'never' : 'audit' }))
  const lost = enrollment.enrollMany({ items: batch, idempotencyKey })
  expect(await refusalOf(lost)).toEqual({ trpc: 'SERVICE_UNAVAILABLE', code: 'unavailable', details: {} })
  expect([await keysKept(), await enrollment.search({ courseIds: [capped] })]).toMatchObject([0, { items: [] }])
  // Without a key the others are kept, and the item can be sent again.
  expect(await enrollment.enrollMany({ items: batch })).toMatchObject({ counts: { created: 2, unavailable: 1 } })
})

function usernameOf(item: Item | undefined): string {
  return item !== undefined && 'username' in item ? item.username : ''
}

function countOf(answers: readonly BatchAnswer[], status: BatchAnswer['status']): number {
  return answers.filter((answer) => answer.status === status).length
}

/** How many events the course run of the test has. */
async function events(): Promise<number> {
  const rows = await db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select('v.id')
    .where('c.course_key', '=', courseId)
    .execute()
  return rows.length
}

/** How many rows the key of the test has. */
async function keysKept(): Promise<number> {
  return (await db.selectFrom('idempotency_keys').select('key').where('key', '=', idempotencyKey).execute()).length
}
