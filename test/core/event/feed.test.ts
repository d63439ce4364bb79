import { sql, type ControlledTransaction } from 'kysely'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { createCaller, type EnrollmentEvent } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { eventually } from '../../support/eventually.ts'

const actor = { kind: 'service', name: 'tests' } as const

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const { enrollment, events } = createCaller({ db, actor })

let open: ControlledTransaction<DB>[] = []
afterEach(async () => {
  for (const trx of open) if (!trx.isCommitted && !trx.isRolledBack) await trx.rollback().execute()
  open = []
})

describe('the feed', () => {
  test('shows every change once, whatever the page', async () => {
    const start = await end()
    const { enrollAs } = await course(7)
    for (let learner = 0; learner < 7; learner += 1) await enrollAs(learner)
    const all = await eventsAfter(start, 7)
    const paged: EnrollmentEvent[] = []
    for (let after = start; ;) {
      const page = await events.list({ after, limit: 3 })
      paged.push(...page.events)
      expect(page.cursor).toBe(page.events.at(-1)?.cursor ?? after)
      if (page.events.length === 0) break
      after = page.cursor
    }
    expect(paged).toEqual(all)
  })

  test('keeps the place of a reader for whom there is nothing new', async () => {
    const place = await end()
    expect(await events.list({ after: place })).toMatchObject({ events: [], cursor: place })
  })

  test('is the same event that the history shows', async () => {
    const start = await end()
    const { courseId, learners, enrollAs } = await course(1)
    await enrollAs(0)
    expect(await eventsAfter(start, 1)).toEqual(await enrollment.history({ username: learners[0] ?? '', courseId }))
  })

  test('shows the events of a transaction together and in their order', async () => {
    const start = await end()
    const { courseId, learners } = await course(3)
    const results = await enrollment.enrollMany({ items: learners.map((username) => ({ username, courseId })) })
    const shown = await eventsAfter(start, 3)
    expect(shown.map(({ username }) => username)).toEqual(learners)
    expect(shown.every(({ batchId }) => batchId === results.batchId)).toBe(true)
  })
})

describe('a transaction that commits late', () => {
  test('is not skipped by one who reads on after a faster one', async () => {
    const start = await end()
    const { enrollAs, nameOf } = await course(2)
    const slow = await begin()
    await enrollAs(0, slow)
    await enrollAs(1)
    // The fast one has committed. It waits, because the slow one comes before it.
    const early = await events.list({ after: start })
    expect(early).toMatchObject({ events: [], cursor: start })
    await slow.commit().execute()
    const late = await eventsAfter(early.cursor, 2)
    expect(late.map(({ username }) => username)).toEqual([nameOf(0), nameOf(1)])
  })

  test('is skipped by a reader who goes by the id alone (so the feed does not)', async () => {
    const start = await lastId()
    const { enrollAs, nameOf } = await course(2)
    const slow = await begin()
    await enrollAs(0, slow)
    await enrollAs(1)
    const early = await byIdAlone(start)
    expect(early.map(({ username }) => username)).toEqual([nameOf(1)])
    await slow.commit().execute()
    expect(await byIdAlone(early.at(-1)?.id ?? '')).toEqual([])
  })

  test('does not stand in the way of what was before it', async () => {
    const start = await end()
    const { enrollAs, nameOf } = await course(2)
    await enrollAs(0)
    await eventsAfter(start, 1)
    const slow = await begin()
    await enrollAs(1, slow)
    const { events: shown } = await events.list({ after: start })
    expect(shown.map(({ username }) => username)).toEqual([nameOf(0)])
  })

  test('leaves nothing when it is rolled back, and the others are shown', async () => {
    const start = await end()
    const { enrollAs, nameOf } = await course(2)
    const slow = await begin()
    await enrollAs(0, slow)
    await enrollAs(1)
    await slow.rollback().execute()
    expect((await eventsAfter(start, 1)).map(({ username }) => username)).toEqual([nameOf(1)])
  })

  test('has a place for each of its statements, by what was there before it', async () => {
    const start = await end()
    const { enrollAs, nameOf } = await course(3)
    const slow = await begin()
    await enrollAs(0, slow)
    await enrollAs(1)
    await enrollAs(2, slow)
    await slow.commit().execute()
    const shown = await eventsAfter(start, 3)
    expect(shown.map(({ username }) => username)).toEqual([nameOf(0), nameOf(1), nameOf(2)])
  })

  test('comes after what it changed, though that was written by a younger one', async () => {
    const start = await end()
    const { courseId, enrollAs, nameOf } = await course(2)
    const slow = await begin()
    await enrollAs(0, slow)
    await enrollAs(1)
    await createCaller({ db: slow, actor }).enrollment.change({ username: nameOf(1), courseId, isActive: false })
    await slow.commit().execute()
    const shown = await eventsAfter(start, 3)
    expect(shown.map(({ username, version }) => [username, version])).toEqual([
      [nameOf(0), 1],
      [nameOf(1), 1],
      [nameOf(1), 2],
    ])
  })
})

test('readers who follow many writers miss nothing and see nothing twice', async () => {
  const start = await end()
  const { enrollAs } = await course(60)
  let writing = true
  const writers = Array.from({ length: 6 }, async (_, writer) => {
    for (let learner = writer * 10; learner < writer * 10 + 10; learner += 1) {
      const trx = await begin()
      await enrollAs(learner, trx)
      await sql`select pg_sleep(${(learner % 5) / 1_000})`.execute(trx)
      await (learner % 10 === 9 ? trx.rollback() : trx.commit()).execute()
    }
  })
  const reader = (async () => {
    const seen: string[] = []
    for (let after = start; ;) {
      const last = !writing
      const page = await events.list({ after, limit: 7 })
      seen.push(...page.events.map(({ username }) => username))
      if (page.events.length === 0 && last && seen.length >= 54) return seen
      after = page.cursor
    }
  })()
  await Promise.all(writers)
  writing = false
  const seen = await reader
  expect([seen.length, new Set(seen).size]).toEqual([54, 54])
})

/** The place after all events. */
async function end(): Promise<string> {
  await enrollOne()
  const id = await lastId()
  return eventually(async () => {
    const { events: all, cursor } = await events.list({ limit: 1000 })
    expect(all.at(-1)?.id).toBe(id)
    return cursor
  })
}

/** Other databases of the server hold the feed back for a moment too: transaction ids are the server's. */
async function eventsAfter(after: string, count: number): Promise<EnrollmentEvent[]> {
  return eventually(async () => {
    const page = await events.list({ after })
    expect(page.events).toHaveLength(count)
    return page.events
  })
}

async function begin(): Promise<ControlledTransaction<DB>> {
  const trx = await db.startTransaction().execute()
  open.push(trx)
  return trx
}

async function enrollOne(): Promise<void> {
  await (await course(1)).enrollAs(0)
}

async function course(count: number) {
  const courseId = await addCourse(db)
  const learners = (await addLearners(db, count)).map(({ username }) => username)
  const nameOf = (index: number) => learners[index] ?? ''
  const enrollAs = (index: number, on = db) =>
    createCaller({ db: on, actor }).enrollment.enroll({ username: nameOf(index), courseId })
  return { courseId, learners, nameOf, enrollAs }
}

async function lastId(): Promise<string> {
  const { id } = await db
    .selectFrom('enrollment_events')
    .select((eb) => eb.fn.max('id').as('id'))
    .executeTakeFirstOrThrow()
  return id ?? '0'
}

/** The naive feed. */
function byIdAlone(after: string) {
  return db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .select(['v.id', 'l.username'])
    .where('v.id', '>', after)
    .orderBy('v.id')
    .execute()
}
