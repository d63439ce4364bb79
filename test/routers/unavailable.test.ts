// slow: cuts connections again and again
import { TRPCError } from '@trpc/server'
import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { EnrollmentError, enrollmentErrorFrom, type Caller } from '../../routers/index.ts'
import { foreignPool, ownPool } from '../support/any-kysely.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearner, addLearners } from '../support/seed.ts'
import { callerOf, errorOf, refusalOf } from './calls.ts'
import { eventually } from '../support/eventually.ts'

const UNAVAILABLE = { trpc: 'SERVICE_UNAVAILABLE', code: 'unavailable', details: {} }

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database

let pair: { username: string; courseId: string }
beforeEach(async () => {
  pair = { username: (await addLearner(db)).username, courseId: await addCourse(db, { max_enrollments: 5 }) }
})

describe('a database that cannot be reached', () => {
  test.each<[string, (caller: Caller) => Promise<unknown>]>([
    ['enrollment.enroll', ({ enrollment }) => enrollment.enroll(pair)],
    ['enrollment.enrollMany', ({ enrollment }) => enrollment.enrollMany({ items: [pair] })],
    [
      'enrollment.enrollMany, strict',
      ({ enrollment }) => enrollment.enrollMany({ items: [pair], failureMode: 'strict' }),
    ],
    [
      'enrollment.enrollMany, with a key',
      ({ enrollment }) => enrollment.enrollMany({ items: [pair], idempotencyKey: 'key' }),
    ],
    ['enrollment.change', ({ enrollment }) => enrollment.change({ ...pair, isActive: false })],
    ['enrollment.unenrollAll', ({ enrollment }) => enrollment.unenrollAll({ username: pair.username })],
    ['enrollment.get', ({ enrollment }) => enrollment.get(pair)],
    ['enrollment.list', ({ enrollment }) => enrollment.list({ username: pair.username })],
    ['enrollment.search', ({ enrollment }) => enrollment.search({})],
    ['enrollment.history', ({ enrollment }) => enrollment.history(pair)],
    ['course.get', ({ course }) => course.get({ courseId: pair.courseId })],
    ['course.getMany', ({ course }) => course.getMany({ courseIds: [pair.courseId] })],
    ['events.list', ({ events }) => events.list({})],
  ])('makes %s unavailable, and tells nothing of where it is', async (_, call) => {
    await using closed = openDatabase({ connectionString: 'postgresql://secret@127.0.0.1:1/hidden' })
    const error = await errorOf(call(callerOf(closed)))
    expect(error).toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
    expect(enrollmentErrorFrom(error)).toMatchObject({ code: 'unavailable', details: {} })
    expect(error.message).not.toMatch(/127|secret|hidden|ECONN/)
  })

  test('does not keep malformed input from being told', async () => {
    await using closed = openDatabase({ connectionString: 'postgresql://secret@127.0.0.1:1/hidden' })
    expect((await errorOf(callerOf(closed).enrollment.enroll({ ...pair, mode: '' }))).code).toBe('BAD_REQUEST')
  })
})

describe('a connection that is ended in the middle of a call', () => {
  test.each<[string, (caller: Caller) => Promise<unknown>]>([
    ['enroll', ({ enrollment }) => enrollment.enroll(pair)],
    ['enrollMany', ({ enrollment }) => enrollment.enrollMany({ items: [pair] })],
    ['enrollMany, strict', ({ enrollment }) => enrollment.enrollMany({ items: [pair], failureMode: 'strict' })],
    ['enrollMany, with a key', ({ enrollment }) => enrollment.enrollMany({ items: [pair], idempotencyKey: 'lost' })],
  ])('makes %s unavailable, leaves nothing half done, and the next call works', async (_, call) => {
    await using small = openDatabase({ connectionString, poolSize: 1 })
    const release = await holdSeats()
    const refused = refusalOf(call(callerOf(small)))
    await endTheWaiting(refused)
    expect(await refused).toEqual(UNAVAILABLE)
    await release()
    expect(await callerOf(db).enrollment.get(pair)).toBeNull()
    expect(await callerOf(db).enrollment.history(pair)).toEqual([])
    // The end of the connection may arrive a moment after the error.
    await eventually(() => call(callerOf(small)))
    expect(await callerOf(db).enrollment.history(pair)).toHaveLength(1)
  })

  test.each([
    ['our own pool', () => ownPool(connectionString, 1)],
    ['a foreign pool', () => foreignPool(connectionString, { max: 1 })],
  ])('takes the whole transaction of the owner with it, who is told so: %s', async (_, open) => {
    await using small = open()
    const other = { ...pair, courseId: await addCourse(db) }
    const release = await holdSeats()
    const transaction = small.transaction().execute(async (trx) => {
      await callerOf(trx).enrollment.enroll(other)
      await callerOf(trx).enrollment.enroll(pair)
    })
    const ended = transaction.then(
      () => undefined,
      (error: unknown) => error,
    )
    await endTheWaiting(ended)
    const error = await ended
    // Not the error of the call: Kysely’s, of the rollback that it could not send.
    expect(error).not.toBeInstanceOf(TRPCError)
    expect(String(error)).toMatch(/connection|closed/i)
    const told = enrollmentErrorFrom(error)
    expect(told).toBeInstanceOf(EnrollmentError)
    expect(told).toMatchObject({ code: 'unavailable', details: {} })
    expect(told?.cause).toBe(error)
    await release()
    expect(await callerOf(db).enrollment.get(other)).toBeNull()
  })
})

test('while connections are ended all the time, what was answered is there, once, with its event', async () => {
  const url = new URL(connectionString)
  url.searchParams.set('application_name', 'victim')
  await using victim = openDatabase({ connectionString: url.href, poolSize: 6 })
  const courses = [await addCourse(db), await addCourse(db, { max_enrollments: 150 })]
  const learners = await addLearners(db, 2_000)
  const { enrollment } = callerOf(victim)
  const told: { username: string; courseId: string; code: string | undefined }[] = []
  let killed = 0
  let isDone = false
  const workers = Array.from({ length: 12 }, async (_, worker) => {
    for (let index = worker; index < learners.length && killed < 30; index += 12) {
      const item = { username: learners[index]?.username ?? '', courseId: courses[index % 2] ?? '' }
      const code = await enrollment.enroll(item).then(
        () => 'answered',
        (error: unknown) => enrollmentErrorFrom(error)?.code,
      )
      told.push({ ...item, code })
    }
  })
  const killer = (async () => {
    for (let shots = 0; shots < 3_000 && killed < 30 && !isDone; shots += 1) {
      // Between two ends some calls are answered, however slow the machine is.
      const seen = told.length
      await eventually(() => expect(isDone || told.length >= seen + 20).toBe(true), 1)
      killed += await endOne('victim')
    }
  })()
  await Promise.all(workers)
  isDone = true
  await killer
  // How many depends on how fast the machine is; that some fell into calls is what matters.
  expect(killed).toBeGreaterThan(3)
  expect(told.filter(({ code }) => !['answered', 'unavailable', 'courseFull'].includes(code ?? ''))).toEqual([])
  const items = await db
    .selectFrom('enrollments as e')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['e.id', 'l.username'])
    .where('c.course_key', 'in', courses)
    .execute()
  const rows = new Set(items.map(({ username }) => username))
  expect(told.filter(({ code, username }) => code === 'answered' && !rows.has(username))).toEqual([])
  const events = await db
    .selectFrom('enrollment_events')
    .select(['enrollment_id', 'version'])
    .where(
      'enrollment_id',
      'in',
      items.map(({ id }) => id),
    )
    .execute()
  expect(events.map((event) => event.enrollment_id).toSorted()).toEqual(items.map(({ id }) => id).toSorted())
  await eventually(() => enrollment.enroll(pair))
})

/** Holds the seats of the course run, so that who wants one waits; the answer lets them go. */
async function holdSeats(): Promise<() => Promise<void>> {
  const trx = await db.startTransaction().execute()
  await trx.selectFrom('courses').select('id').where('course_key', '=', pair.courseId).forUpdate().execute()
  return () => trx.rollback().execute()
}

/**
 * Ends the connection of this database that waits for a lock, until a call has ended. Who has just given up waiting, for a moment, is
 * not hit in the middle of anything.
 */
async function endTheWaiting(call: Promise<unknown>): Promise<void> {
  let hasEnded = false
  call.catch(() => {}).finally(() => (hasEnded = true))
  await eventually(async () => {
    await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
    expect(hasEnded).toBe(true)
  })
}

/** Ends one connection of the name, any one. */
async function endOne(name: string): Promise<number> {
  const { rows } = await sql`
    select pg_terminate_backend(pid), pg_sleep(0.005) from (
      select pid from pg_stat_activity
      where datname = current_database() and application_name = ${name} order by random() limit 1) as one`.execute(db)
  return rows.length
}
