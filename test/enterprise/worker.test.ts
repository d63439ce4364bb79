import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { enterpriseWorkers } from '../../enterprise/worker.ts'
import { createCaller, defaultPolicy } from '../../routers/index.ts'
import { startBackground, type BackgroundOptions } from '../../server/background/start.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { untilWaiting } from '../support/waiting.ts'
import { enrollmentInWords } from '../support/world.ts'
import { contextOf, done, enroll } from './calls.ts'
import { addCustomer, createEnterpriseDatabase } from './seed.ts'
import { pendingOf, recordOf } from './state.ts'
import { eventually } from '../support/eventually.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db, connectionString } = database
const customer = await addCustomer(db)
let addresses = 0

const errors: [object, string][] = []
const log = { debug: () => {}, error: (fields: object, message: string) => void errors.push([fields, message]) }
beforeEach(() => void errors.splice(0))

test('enrolls learners whose account has come, and applies changes that come through other APIs, again and again', async () => {
  await using _ = startWorkers(db)
  for (let round = 0; round < 3; round += 1) {
    const { email, courseId } = await situation()
    const { id, username } = await addLearner(db, { email })
    await eventually(async () =>
      expect(await recordOf(db, customer, id, courseId)).toMatchObject({ unenrolled: false }),
    )
    await createCaller(contextOf(db)).enrollment.change({ username, courseId, isActive: false })
    await eventually(async () => expect(await recordOf(db, customer, id, courseId)).toMatchObject({ unenrolled: true }))
  }
  expect(errors).toEqual([])
})

test('finds an account that came at the same time as the row', async () => {
  await using _ = startWorkers(db)
  const [email, courseId] = [newAddress(), await addCourse(db)]
  const account = await db.startTransaction().execute()
  await account.insertInto('learners').values({ username: email, email }).execute()
  await enroll(db, customer, [{ email, courseId }])
  await account.commit().execute()
  await eventually(async () =>
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'fulfilled' }),
  )
})

test('enrolls by the policy of the site', async () => {
  const { email, courseId } = await situation()
  const filters = [{ name: 'honest', check: () => ({ mode: 'audit' }) }]
  await using _ = startWorkers(db, { policy: { ...defaultPolicy, filters } })
  const { id } = await addLearner(db, { email })
  await eventually(async () => expect(await enrollmentInWords(db, id, courseId)).toBe('active audit'))
})

test('of two that run, each row is done by one', async () => {
  const courseId = await addCourse(db)
  const emails = Array.from({ length: 50 }, newAddress)
  await enroll(
    db,
    customer,
    emails.map((email) => ({ email, courseId })),
  )
  await using other = openDatabase({ connectionString })
  await using _one = startWorkers(db)
  await using _two = startWorkers(other)
  for (const email of emails) await addLearner(db, { email })
  const states = db.selectFrom('enterprise_pending_enrollments').select('id').where('course_key', '=', courseId)
  await eventually(async () => expect(await states.where('state', '=', 'fulfilled').execute()).toHaveLength(50))
  expect(await states.where('attempts', '>', 0).execute()).toEqual([])
  expect(errors).toEqual([])
})

test('tells the log when the database is away, less and less often, and goes on when it is back', async () => {
  const { email, courseId } = await situation()
  const broken = openDatabase({ connectionString: 'postgresql://127.0.0.1:1/nowhere' })
  const started = performance.now()
  {
    await using _ = startWorkers(broken, { intervalMs: 2 })
    await eventually(() => {
      expect(errors.length).toBeGreaterThanOrEqual(8)
      expect(new Set(errors.map(([, message]) => message))).toEqual(
        new Set([
          'enrolling whom allowances enroll by themselves failed',
          'enrolling learners whose account has come failed',
          'consuming the feed (enterprise) failed',
          'making deliveries of webhooks failed',
          'sending webhooks failed',
        ]),
      )
    })
  }
  const milliseconds = performance.now() - started
  await broken.destroy()
  // Of each of the five, with 4 + 8 + 16 + … ms between them: the longer it took, the fewer.
  expect(errors.length).toBeLessThanOrEqual(5 * (Math.log2(milliseconds) + 1))
  await using _ = startWorkers(db)
  const { id } = await addLearner(db, { email })
  await eventually(async () => expect(await enrollmentInWords(db, id, courseId)).toBe('active verified'))
})

test('goes on after a step whose connection was ended', async () => {
  await using _ = startWorkers(db)
  const { email, courseId } = await situation()
  await sql`create function worker_trap() returns trigger language plpgsql as $$ begin
    perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); return null; end $$`.execute(db)
  await sql`create trigger worker_trap before insert on enterprise_enrollment_records
    for each statement execute function worker_trap()`.execute(db)
  await addLearner(db, { email })
  await eventually(() => expect(errors).toMatchObject([[{ err: { code: 'unavailable' } }, expect.any(String)]]))
  await sql`drop function worker_trap cascade`.execute(db)
  expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'waiting', attempts: 1 })
  // As if half a minute had passed.
  await sql`update enterprise_pending_enrollments set next_attempt = now() where next_attempt is not null`.execute(db)
  await eventually(async () =>
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'fulfilled' }),
  )
})

test('ends at once while it waits, and does nothing afterwards', async () => {
  const ending = openDatabase({ connectionString })
  // Where it waited for its next step, so would this test.
  const worker = startWorkers(ending, { intervalMs: 3_600_000 })
  await sleep(100)
  await worker[Symbol.asyncDispose]()
  await ending.destroy()
  const { email, courseId } = await situation()
  await addLearner(db, { email })
  await sleep(50)
  expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ state: 'waiting', attempts: 0 })
  expect(errors).toEqual([])
})

test('ends while somebody still holds up its statement, which does its work later', async () => {
  const { email, courseId } = await situation()
  const { id } = await addLearner(db, { email })
  await done(db, customer, { userId: String(id), courseId })
  await createCaller(contextOf(db)).enrollment.change({ userId: String(id), courseId, isActive: false })
  await db.transaction().execute(async (trx) => {
    await sql`select from learners where id = ${id} for update`.execute(trx)
    const worker = startWorkers(db)
    await untilWaiting(db)
    const started = performance.now()
    await worker[Symbol.asyncDispose]()
    expect(performance.now() - started, 'it has some time').toBeGreaterThan(500)
  })
  await eventually(async () => expect(await recordOf(db, customer, id, courseId)).toMatchObject({ unenrolled: true }))
})

/** The workers of enterprise, as a server has them, at a pace for tests. */
function startWorkers(
  on: BackgroundOptions['db'],
  { policy = defaultPolicy, intervalMs = 5 }: Partial<Pick<BackgroundOptions, 'policy'>> & { intervalMs?: number } = {},
): AsyncDisposable {
  const extension = {
    name: 'enterprise',
    workers: (context: Parameters<typeof enterpriseWorkers>[0]) => {
      const { steps, consumers } = enterpriseWorkers(context)
      const atPace = { intervalMs }
      return {
        steps: steps.map((step) => ({ ...step, ...atPace })),
        consumers: consumers.map((consumer) => ({ ...consumer, ...atPace })),
      }
    },
  }
  return startBackground({ db: on, log, policy, extensions: [extension] })
}

function newAddress(): string {
  addresses += 1
  return `new${addresses}@example.com`
}

/** An address that nobody has, and a course run in which something waits for it. */
async function situation() {
  const [email, courseId] = [newAddress(), await addCourse(db)]
  await enroll(db, customer, [{ email, courseId }])
  return { email, courseId }
}
