import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import type { DB } from '../../core/database/schema.ts'
import { appRouter, enrollmentErrorFrom, type EnrollmentEvent, type Tracked } from '../../routers/index.ts'
import { callContextOf } from '../../routers/call.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { untilShown } from '../support/feed.ts'
import { observed } from '../support/observed.ts'
import { openPool } from '../support/open-pool.ts'
import { hasPgbouncer, openPgbouncer } from '../support/pgbouncer.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { ACTOR, callerOf, refusalOf } from './calls.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database
const caller = callerOf(db)
const courseId = await addCourse(db)

type Items = AsyncIterableIterator<Tracked<EnrollmentEvent>, void, void>

describe('a watcher', () => {
  test('gets each event once, in the order of the feed, with its cursor as id', async () => {
    const after = await untilShown(db)
    const items = caller.events.watch({ after })
    await enroll(30)
    await Promise.all(Array.from({ length: 10 }, () => enroll(3)))
    // When the last one has been watched, all of them are shown.
    const seen = await take(items, 60)
    const { events } = await caller.events.list({ after, limit: 1_000 })
    expect(seen.map(({ data }) => data)).toEqual(events)
    expect(seen.map(({ id }) => id)).toEqual(events.map(({ cursor }) => cursor))
  })

  test('without a place begins now', async () => {
    await enroll(2)
    await untilShown(db)
    for (const input of [{}, { after: 'latest' }]) {
      await untilShown(db)
      const items = caller.events.watch(input)
      const { seen, usernames } = await enrolledUntilSeen([items.next()])
      for (const name of seen) expect(usernames).toContain(name)
      await items.return?.()
    }
  })

  test('resumes after any place, however long ago, and lastEventId is further on than after', async () => {
    const after = await untilShown(db)
    await enroll(1_200)
    const all = await take(caller.events.watch({ after }), 1_200)
    for (const place of [0, 1, 499, 500, 1_100, 1_198]) {
      const lastEventId = all[place]?.id ?? ''
      const rest = await take(caller.events.watch({ after, lastEventId }), 1_199 - place)
      expect(rest).toEqual(all.slice(place + 1))
    }
  })

  test('gets what its filter leaves, of what has happened and of what is to come', async () => {
    const [after, other] = [await untilShown(db), await addCourse(db)]
    const learners = await addLearners(db, 4)
    const usernames = learners.map(({ username }) => username)
    const inputs = [
      { courseIds: [other] },
      { usernames: usernames.slice(0, 2) },
      { kinds: ['deactivated' as const] },
      { courseIds: [other], usernames: usernames.slice(0, 2), kinds: ['created' as const, 'deactivated' as const] },
      { courseIds: ['course-v1:Test+Nothing+2026'] },
    ]
    const watching = inputs.map((input) => collected(caller.events.watch({ after, ...input })))
    for (const round of [0, 1]) {
      for (const username of usernames) {
        for (const each of [courseId, other]) {
          await caller.enrollment.enroll({ username, courseId: each, whenEnrolled: 'update' })
          if (round === 0) await caller.enrollment.change({ username, courseId: each, isActive: false })
        }
      }
      // Those who begin now read what has happened from the database.
      if (round === 0) watching.push(...inputs.map((input) => collected(caller.events.watch({ after, ...input }))))
    }
    for (const [index, { seen, items }] of watching.entries()) {
      const filter = inputs[index % inputs.length] ?? {}
      await untilShown(db)
      const { events } = await caller.events.list({ after, limit: 1_000, ...filter })
      await eventually(() => expect(seen.map(({ data }) => data)).toEqual(events))
      await items.return?.()
    }
  })

  test('is told of a course key that is none, and of a cursor that is none', async () => {
    expect(await refusalOf(take(caller.events.watch({ courseIds: ['nonsense'] }), 1))).toMatchObject({
      trpc: 'BAD_REQUEST',
      code: 'invalidCourseKey',
    })
    for (const input of [{ after: 'nonsense' }, { lastEventId: '' }, { lastEventId: 'latest' }]) {
      expect(await refusalOf(take(caller.events.watch(input), 1))).toMatchObject({ trpc: 'BAD_REQUEST' })
    }
  })

  test('gets what is shown within a moment of it', async () => {
    const items = caller.events.watch({ after: await untilShown(db) })
    const waits: number[] = []
    for (let n = 0; n < 20; n += 1) {
      const next = items.next()
      await enroll(1)
      await untilShown(db)
      const shown = performance.now()
      await next
      waits.push(performance.now() - shown)
      await sleep(60)
    }
    // By looking every second it would be half a second for most.
    expect(waits.toSorted((a, b) => a - b)[9]).toBeLessThan(300)
    await items.return?.()
  })

  test('that leaves, or whose signal is aborted, is done at once, without an error', async () => {
    const end = new AbortController()
    const [left, aborted] = [caller.events.watch({}), caller.events.watch({}, { signal: end.signal })]
    const pending = [left.next(), aborted.next()]
    await sleep(50)
    await left.return?.()
    end.abort()
    expect(await Promise.all(pending)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
    expect((await aborted.next()).done).toBe(true)
  })

  test('may ask for several at a time', async () => {
    const after = await untilShown(db)
    await enroll(6)
    const items = caller.events.watch({ after })
    const asked = await Promise.all(Array.from({ length: 6 }, () => items.next()))
    const { events } = await caller.events.list({ after })
    expect(events).toHaveLength(6)
    expect(asked.map(({ value }) => value?.data)).toEqual(events)
  })

  test('in a transaction is refused, for it would see nothing of what others do', async () => {
    await db.transaction().execute(async (trx) => {
      expect(await refusalOf(take(callerOf(trx).events.watch({}), 1))).toMatchObject({ trpc: 'BAD_REQUEST' })
    })
  })

  test('on a pool of somebody else watches as well', async () => {
    await using foreign = new Kysely<DB>({ dialect: new PostgresDialect({ pool: openPool({ connectionString }) }) })
    const items = callerOf(foreign).events.watch({ after: await untilShown(db) })
    for (let n = 0; n < 3; n += 1) {
      const next = items.next()
      const [username] = await enroll(1)
      expect((await next).value).toMatchObject({ data: { username } })
    }
    const last = items.next().catch((error: unknown) => enrollmentErrorFrom(error)?.code)
    await sleep(100)
    await foreign.destroy()
    expect(await last).toBe('unavailable')
  })

  test.skipIf(!hasPgbouncer)('through a pooler watches as well, and nobody listens', async () => {
    await using bouncer = await openPgbouncer(connectionString)
    await using pooled = openDatabase({ connectionString: bouncer.url })
    const items = callerOf(pooled).events.watch({ after: await untilShown(db) })
    for (let n = 0; n < 3; n += 1) {
      const next = items.next()
      const [username] = await enroll(1)
      expect((await next).value).toMatchObject({ data: { username } })
    }
    await items.return?.()
  })

  test('is not ended by the deadline of calls, and counts as none', async () => {
    await using brief = openDatabase({ connectionString, requestDeadlineMs: 150, maxWaitingCalls: 3 })
    await untilShown(db)
    const watching = Array.from({ length: 10 }, () => callerOf(brief).events.watch({}))
    const next = watching.map((items) => items.next())
    await sleep(500)
    // Calls have the deadline, and go on beside them.
    const [{ username } = { username: '' }] = await addLearners(db, 1)
    const enrolled = await eventually(() => callerOf(brief).enrollment.enroll({ username, courseId }))
    expect(['created', 'unchanged']).toContain(enrolled.kind)
    const { seen, usernames } = await enrolledUntilSeen(next)
    for (const name of seen) expect([username, ...usernames]).toContain(name)
    for (const items of watching) await items.return?.()
  })

  test('ends with unavailable when its pool is closed', async () => {
    const own = openDatabase({ connectionString })
    const refusal = refusalOf(take(callerOf(own).events.watch({}), 1))
    await sleep(100)
    await own.destroy()
    expect(await refusal).toMatchObject({ code: 'unavailable' })
  })
})

test('one that does not keep up is told so with tooSlow, takes no memory meanwhile, and resumes', async () => {
  // Once somebody has seen an event live, who begins there reads live as well: who reads what was before is never too slow.
  const fast = collected(caller.events.watch({ after: await untilShown(db) }))
  await enroll(1)
  await eventually(() => expect(fast.seen).toHaveLength(1))
  const slow = caller.events.watch({ after: fast.seen[0]?.id ?? '' })
  const [first] = await enroll(1)
  const begun = await slow.next()
  expect(begun.value).toMatchObject({ data: { username: first } })
  const EVENTS = 12_000
  await sql`insert into enrollment_events
      (enrollment_id, version, kind, before_mode, before_is_active, after_mode, after_is_active, actor_kind, actor_name, via, at)
    select (select max(id) from enrollments), n, 'modeChanged', 'honor', true, 'audit', true, 'system', 'tests', 'rpc', now()
    from generate_series(2, ${EVENTS + 1}::integer) n`.execute(db)
  await eventually(() => expect(fast.seen.length).toBe(EVENTS + 2))
  await fast.items.return?.()

  const got: string[] = []
  const error = await (async () => {
    for await (const { id } of slow) got.push(id)
  })().catch((cause: unknown) => cause)
  expect(enrollmentErrorFrom(error)?.code).toBe('tooSlow')
  expect(got.length).toBeLessThan(2_000)
  const lastEventId = got.at(-1) ?? begun.value?.id ?? ''
  const rest = await take(caller.events.watch({ lastEventId }), EVENTS - got.length)
  expect([...got, ...rest.map(({ id }) => id)]).toEqual(fast.seen.slice(2).map(({ id }) => id))
})

test('the feed is read once, however many watch', async () => {
  const own = await createTestDatabase()
  onTestFinished(() => own[Symbol.asyncDispose]())
  let reads = 0
  // What looks how far the feed is shown says so; everything else that is read of events counts.
  const counted = observed(own.db, (text) => {
    if (text.includes('enrollment_events') && !text.startsWith('/* event.readEnd */')) reads += 1
  })
  const { events } = callerOf(counted)
  const ownCourse = await addCourse(own.db)
  const readsWith = async (watchers: number) => {
    const after = await untilShown(own.db)
    const watching = Array.from({ length: watchers }, () => collected(events.watch({ after })))
    const before = reads
    for (const { username } of await addLearners(own.db, 10))
      await callerOf(own.db).enrollment.enroll({ username, courseId: ownCourse })
    for (const { seen } of watching) await eventually(() => expect(seen).toHaveLength(10))
    for (const { items } of watching) await items.return?.()
    return reads - before
  }
  // A page of each event at most; where all watchers begin while it is shown, they share what they read before.
  for (const watchers of [1, 100]) {
    const count = await readsWith(watchers)
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThanOrEqual(20)
  }
})

test('the router’s own caller of tRPC watches as well, with tracked events', async () => {
  const after = await untilShown(db)
  const [username] = await enroll(1)
  const end = new AbortController()
  const ofRouter = appRouter.createCaller(callContextOf({ db, actor: ACTOR }, 'rpc'), { signal: end.signal })
  for await (const item of await ofRouter.events.watch({ after })) {
    const [id, event] = item as unknown as [string, EnrollmentEvent] // As tRPC's own tracked() makes it.
    expect([id, event.username]).toEqual([event.cursor, username])
    break
  }
  end.abort()
})

/** Enrolls one after another until all of these have come: who watches from now on does not say when that is. */
async function enrolledUntilSeen(
  next: readonly Promise<IteratorResult<Tracked<EnrollmentEvent>, void>>[],
): Promise<{ seen: (string | undefined)[]; usernames: string[] }> {
  let hasCome = false
  const seen = Promise.all(next).then((all) => all.map(({ value }) => value?.data.username))
  seen.catch(() => {}).finally(() => (hasCome = true))
  const usernames: string[] = []
  await eventually(async () => {
    if (!hasCome) usernames.push(...(await enroll(1)))
    expect(hasCome).toBe(true)
  }, 100)
  return { seen: await seen, usernames }
}

async function enroll(count: number): Promise<string[]> {
  const usernames = (await addLearners(db, count)).map(({ username }) => username)
  await caller.enrollment.enrollMany({ items: usernames.map((username) => ({ username, courseId })) })
  return usernames
}

async function take(items: Items, count: number): Promise<Tracked<EnrollmentEvent>[]> {
  const taken: Tracked<EnrollmentEvent>[] = []
  for await (const item of items) {
    if (taken.push(item) === count) break
  }
  return taken
}

/** Collects whatever comes. */
function collected(items: Items): { seen: Tracked<EnrollmentEvent>[]; items: Items } {
  const seen: Tracked<EnrollmentEvent>[] = []
  void (async () => {
    for await (const item of items) seen.push(item)
  })()
  return { seen, items }
}
