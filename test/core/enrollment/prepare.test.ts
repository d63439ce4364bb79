import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { retryOnSerializationFailure } from '../../../core/database/retry.ts'
import type { BatchItem } from '../../../core/enrollment/command.ts'
import { enrollMany } from '../../../core/enrollment/enroll.ts'
import { enrollCommand } from '../../../core/enrollment/item-command.ts'
import { outlookOf } from '../../../core/enrollment/outlook.ts'
import { AssumedWrongly, prepareBatch, writePrepared } from '../../../core/enrollment/prepare.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { createTestDatabase } from '../../support/database.ts'
import { observed } from '../../support/observed.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { untilWaiting } from '../../support/waiting.ts'
import { callerOf } from '../../routers/calls.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

const texts: string[] = []
const pool = observed(db, (text) => texts.push(/\/\* (\S+) \*\//.exec(text)?.[1] ?? text))
const { enrollment } = callerOf(db)

beforeEach(() => {
  texts.length = 0
})

describe('a batch that is likely to be new', () => {
  test('is written by one statement; of a course run that nothing is known of one row is read before', async () => {
    const [courseId, learners] = [await addCourse(db), await addLearners(db, 50)]
    const items = itemsOf(learners, courseId)
    const prepared = await prepareBatch(pool, items, defaultPolicy, { isLikelyNew: true })
    expect(texts).toEqual(['enrollment.factsOfOne'])
    expect(kindsOf(await write(items, prepared))).toEqual({ created: 50 })
    expect(texts).toEqual(['enrollment.factsOfOne', 'enrollment.foreseenByUsername'])
    const others = itemsOf(await addLearners(db, 50), courseId)
    texts.length = 0
    expect(
      kindsOf(await write(others, await prepareBatch(pool, others, defaultPolicy, { isLikelyNew: true }))),
    ).toEqual({
      created: 50,
    })
    expect(texts).toEqual(['enrollment.foreseenByUsername'])
  })

  test('decides those on their own facts that are not as they were assumed, in the same transaction', async () => {
    const [courseId, learners] = [await addCourse(db), await addLearners(db, 5)]
    const staff = await addLearner(db, { is_staff: true })
    const items = itemsOf([...learners, { username: 'nobody' }, staff], courseId)
    const prepared = await prepareBatch(pool, items, defaultPolicy, { isLikelyNew: true })
    await enrollment.enroll({ username: learners[2]?.username ?? '', courseId })
    const results = await write(items, prepared)
    expect(results.map((result) => (result.ok ? result.outcome.kind : result.error.code))).toEqual([
      ...['created', 'created', 'unchanged', 'created', 'created', 'learnerNotFound', 'created'],
    ])
  })

  test('writes the others by the one statement where two of it name the same learner in the same way', async () => {
    const [courseId, learners] = [await addCourse(db), await addLearners(db, 5)]
    const items = itemsOf([...learners, learners[0] ?? {}], courseId)
    const prepared = await prepareBatch(pool, items, defaultPolicy, { isLikelyNew: true })
    texts.length = 0
    expect(kindsOf(await write(items, prepared))).toEqual({ created: 5, unchanged: 1 })
    expect(texts).toEqual(['enrollment.foreseenByUsername', 'enrollment.writeOne'])
  })

  test('is decided anew where its course run was closed after it was prepared, and the next one on what it is now', async () => {
    const [courseId, learners] = [await addCourse(db), await addLearners(db, 3)]
    const items = itemsOf(learners, courseId)
    const prepared = await prepareBatch(pool, items, defaultPolicy, { isLikelyNew: true })
    await db
      .updateTable('courses')
      .set({ enrollment_end: new Date(Date.now() - 60_000).toISOString() })
      .where('course_key', '=', courseId)
      .execute()
    expect(kindsOf(await write(items, prepared))).toEqual({ enrollmentClosed: 3 })
    expect(await prepareBatch(pool, items, defaultPolicy, { isLikelyNew: true })).toMatchObject({ kind: 'planned' })
  })

  test('for seats of a course run that is known is read under their lock alone, until nothing is written', async () => {
    const [courseId, learners] = [await addCourse(db, { max_enrollments: 3 }), await addLearners(db, 7)]
    await prepareBatch(pool, itemsOf(learners.slice(0, 1), courseId), defaultPolicy, { isLikelyNew: true })
    const kinds: unknown[] = []
    for (const batch of [learners.slice(0, 5), learners.slice(5, 6), learners.slice(6)]) {
      const prepared = await prepareBatch(pool, itemsOf(batch, courseId), defaultPolicy, { isLikelyNew: true })
      texts.length = 0
      kinds.push([prepared.kind, kindsOf(await write(itemsOf(batch, courseId), prepared)), texts.length])
    }
    expect(kinds).toEqual([
      ['seats', { created: 3, courseFull: 2 }, 3],
      ['seats', { courseFull: 1 }, 2],
      ['planned', { courseFull: 1 }, 0],
    ])
  })

  test.each([
    ['reads first where it is not', false, {}],
    ['reads first where attributes are written too', true, { attributes: [{ namespace: 'n', name: 'a', value: '1' }] }],
    ['reads first where most will be refused', true, { mode: 'no-such-mode' }],
  ])('%s', async (_, isLikelyNew, rest) => {
    const [courseId, learners] = [await addCourse(db), await addLearners(db, 4)]
    const items = itemsOf(learners, courseId, rest)
    expect(await prepareBatch(pool, items, defaultPolicy, { isLikelyNew })).toMatchObject({ kind: 'planned' })
  })

  test('fails where somebody else is about to enroll one of them, or two of its items name one learner', async () => {
    const [courseId, learners] = [await addCourse(db), await addLearners(db, 5)]
    const items = itemsOf(learners, courseId)
    const prepared = await prepareBatch(pool, items, defaultPolicy, { isLikelyNew: true })
    // It waits for a moment only, and then is tried again: where they are taken for new that ends in the same way.
    outlookOf(pool).newInSuccession = 1_000_000
    const writing = await db.transaction().execute(async (trx) => {
      await callerOf(trx).enrollment.enroll({ username: learners[4]?.username ?? '', courseId })
      const late = retryOnSerializationFailure(pool, () => write(items, prepared)).catch((error: unknown) => error)
      await untilWaiting(db)
      return { late }
    })
    expect(await writing.late).toBeInstanceOf(AssumedWrongly)
    outlookOf(pool).newInSuccession = 0

    const [ada, bob, eve] = await addLearners(db, 3)
    const twice = itemsOf(
      [{ username: ada?.username }, { email: ada?.email }, { username: bob?.username }, { username: eve?.username }],
      courseId,
    )
    const both = await prepareBatch(pool, twice, defaultPolicy, { isLikelyNew: true })
    await expect(write(twice, both)).rejects.toBeInstanceOf(AssumedWrongly)
    const { rows } = await sql`select from enrollments where learner_id = ${ada?.id}`.execute(db)
    expect(rows).toEqual([])
  })
})

type Named = { readonly username?: string | undefined; readonly email?: string | undefined }

function itemsOf(learners: readonly Named[], courseId: string, rest: object = {}): BatchItem[] {
  return learners.map(({ username, email = '' }) => ({
    command: enrollCommand({ ...(username === undefined ? { email } : { username }), courseId, ...rest }),
    metadata: { actor: { kind: 'service', name: 'tests' }, via: 'bulk', now: new Date() },
  }))
}

function write(items: readonly BatchItem[], prepared: Awaited<ReturnType<typeof prepareBatch>>) {
  return pool
    .transaction()
    .execute((trx) =>
      enrollMany(trx, items, defaultPolicy, (on, all, policy) => writePrepared(on, all, policy, prepared)),
    )
}

function kindsOf(results: Awaited<ReturnType<typeof write>>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const result of results) {
    const kind = result.ok ? result.outcome.kind : result.error.code
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}
