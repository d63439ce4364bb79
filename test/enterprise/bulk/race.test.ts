// slow: many calls against each other
import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { EnterpriseTables } from '../../../enterprise/database/schema.ts'
import { createCaller } from '../../../routers/index.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { trap } from '../../support/trap.ts'
import { untilWaiting } from '../../support/waiting.ts'
import { addEnrollment, enrollmentInWords } from '../../support/world.ts'
import { license, transaction, uuidOf } from '../acme.ts'
import { contextOf, enroll, kindsOf, type RowRequest } from '../calls.ts'
import { addCustomer, addFulfilment, addLink, addPending, addRecord, createEnterpriseDatabase } from '../seed.ts'
import { pendingOf, recordOf } from '../state.ts'

const database = await createEnterpriseDatabase()
const { db, connectionString } = database
/** Whose calls wait for each other for as long as it takes: on a machine that does much else that is more than some seconds. */
const patient = openDatabase({
  connectionString,
  ...{ lockTimeoutMs: 300_000, statementTimeoutMs: 300_000, requestDeadlineMs: 300_000 },
}).$extendTables<EnterpriseTables>()
afterAll(async () => {
  await patient.destroy()
  await database[Symbol.asyncDispose]()
})

const FUNDING = ['1', '2', '3', '4', '5', '6']
const CONFLICTS = Array.from({ length: 5 }, () => 'fundingConflict')

/** How often batches run against each other: a number, not a time, so that as much happens on a slow machine. */
const ROUNDS = 8

describe('batches at the same time', () => {
  test('about the same learners, in opposite orders, on the pool and in transactions, never get in each other’s way', async () => {
    const customers = [await addCustomer(db), await addCustomer(db)]
    const seen = new Set<string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      const learners = await addLearners(db, 12)
      const courses = [await addCourse(db, { max_enrollments: 7 }), await addCourse(db), await addCourse(db)]
      const people = [
        ...learners.map(({ userId }) => ({ userId: String(userId) })),
        { email: `new${round}@example.com` },
      ]
      const rows = people.flatMap((person) => courses.map((courseId): RowRequest => ({ ...person, courseId })))
      const doubled = [...rows, ...rows]
      const answers = await Promise.all(
        customers.flatMap((customer) => [
          enroll(patient, customer, doubled),
          enroll(patient, customer, doubled.toReversed()),
          enroll(patient, customer, rows.toReversed(), { failureMode: 'strict' }),
          patient.transaction().execute((trx) => enroll(trx, customer, doubled.toReversed())),
        ]),
      )
      for (const kind of answers.flatMap(kindsOf)) seen.add(kind)
      expect(await activeIn(courses[0] ?? '')).toBe(7)
      expect(await activeIn(courses[1] ?? '')).toBe(12)
    }
    expect([...seen].toSorted()).toEqual([
      'courseFull',
      'created',
      'notAttempted',
      'pendingCreated',
      'pendingUnchanged',
      'unchanged',
    ])
  }, 600_000)

  test('about the same few seats, in opposite orders, never oversell nor fail', async () => {
    const customer = await addCustomer(db)
    for (let round = 0; round < ROUNDS; round += 1) {
      const courses = []
      for (let n = 0; n < 4; n += 1) courses.push(await addCourse(db, { max_enrollments: 5 }))
      const batches = await Promise.all(
        [courses, courses.toReversed(), courses, courses.toReversed()].map(async (order) => {
          const learners = await addLearners(db, 3)
          // Each pair twice: every course run is a segment of its own.
          const rows = order.flatMap((courseId) =>
            [...learners, ...learners].map(({ userId }) => ({ userId: String(userId), courseId })),
          )
          return enroll(patient, customer, rows)
        }),
      )
      const kinds = new Set(batches.flatMap(kindsOf))
      expect([...kinds].toSorted()).toEqual(['courseFull', 'created', 'unchanged'])
      for (const courseId of courses) expect(await activeIn(courseId)).toBe(5)
    }
  }, 600_000)

  test('about one enrollment take the funding of the first', async () => {
    const customer = await addCustomer(db)
    const [ann, courseId] = [await addLearner(db), await addCourse(db)]
    await addEnrollment(db, ann.id, courseId)
    const record = await addRecord(db, await addLink(db, customer, ann.id), courseId)
    await addFulfilment(db, customer, record, { kind: 'transaction', id: uuidOf('T-old'), revoked: true })
    const rows = FUNDING.map((name) => ({
      userId: String(ann.userId),
      courseId,
      funding: transaction(name),
      mode: 'audit',
    }))
    const refuse = { whenTransactionDiffers: 'refuse' } as const
    const answers = await Promise.all(rows.map((row) => enroll(db, customer, [row], refuse)))
    expect(answers.flatMap(kindsOf).toSorted()).toEqual([...CONFLICTS, 'unchanged'])
    const first = answers.findIndex(({ rows: [row] }) => row?.ok === true)
    const [fulfilment] = (await recordOf(db, customer, ann.id, courseId))?.fulfilments ?? []
    expect(fulfilment?.funding_id).toBe(uuidOf(FUNDING[first] ?? ''))
  })

  test.each(['new', 'known'])('about one %s address take the license of the first', async (state) => {
    const customer = await addCustomer(db)
    const [email, courseId] = [`${state}@example.com`, await addCourse(db)]
    if (state === 'known') await addPending(db, customer, email, await addCourse(db))
    const rows = FUNDING.map((name) => ({ email, courseId, funding: license(name) }))
    const answers = await Promise.all(rows.map((row) => enroll(db, customer, [row])))
    expect(answers.flatMap(kindsOf).toSorted()).toEqual([...CONFLICTS, 'pendingCreated'])
    const first = answers.findIndex(({ rows: [row] }) => row?.ok === true)
    expect(await pendingOf(db, customer, email, courseId)).toMatchObject({ license_uuid: uuidOf(FUNDING[first] ?? '') })
  })

  test('as calls of core about the same pairs keep one enrollment of each', async () => {
    const customer = await addCustomer(db)
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 40)
    const { enrollment } = createCaller(contextOf(db))
    const rows = learners.map(({ userId }) => ({ userId: String(userId), courseId, mode: 'audit' }))
    const [answer] = await Promise.all([
      enroll(db, customer, rows),
      ...learners.toReversed().map(({ username }) => enrollment.enroll({ username, courseId, mode: 'audit' })),
    ])
    expect(answer.rows.every((row) => row.ok && (row.kind === 'created' || row.kind === 'unchanged'))).toBe(true)
    const versions = await db
      .selectFrom('enterprise_enrollment_records as r')
      .innerJoin('enrollments as e', 'e.id', 'r.enrollment_id')
      .select(['r.enrollment_version', 'e.version'])
      .where('r.course_key', '=', courseId)
      .execute()
    expect(versions).toEqual(Array.from({ length: 40 }, () => ({ enrollment_version: 1, version: 1 })))
  })
})

describe('a batch that the database ends', () => {
  test('to resolve a deadlock begins again', async () => {
    const customer = await addCustomer(db)
    const ann = await addLearner(db)
    const courseId = await addCourse(db, { max_enrollments: 5 })
    const working = await db.transaction().execute(async (trx) => {
      // So that it is the other transaction that the database ends.
      await sql`set local deadlock_timeout = '1 min'`.execute(trx)
      await sql`select from courses where course_key = ${courseId} for update`.execute(trx)
      // Takes the learner and waits for the seats; a second later it finds that both wait for each other.
      const started = { done: enroll(db, customer, [{ userId: String(ann.userId), courseId, funding: license('L') }]) }
      await untilWaiting(db)
      // It is the other that finds out, whichever has waited for longer.
      await sql`set local deadlock_timeout = '10min'`.execute(trx)
      await sql`select from learners where id = ${ann.id} for update`.execute(trx)
      return started
    })
    expect(kindsOf(await working.done)).toEqual(['created'])
    expect(await enrollmentInWords(db, ann.id, courseId)).toBe('active verified')
  })

  test('in a caller’s transaction is the owner’s to repeat', async () => {
    const customer = await addCustomer(db)
    const ann = await addLearner(db)
    const courseId = await addCourse(db)
    await addEnrollment(db, ann.id, courseId)
    const late = db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (trx) => {
        await trx.selectFrom('learners').select('id').execute()
        await enroll(db, customer, [{ userId: String(ann.userId), courseId }])
        return enroll(trx, customer, [{ userId: String(ann.userId), courseId, mode: 'audit' }])
      })
    await expect(late).rejects.toMatchObject({ name: 'EnrollmentError', code: 'unavailable' })
  })

  test('in its middle keeps the rows that are through, and says of the others that they may be repeated', async () => {
    const customer = await addCustomer(db)
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 2100)
    const rows = learners.map(({ userId }) => ({ userId: String(userId), courseId }))
    const unlucky = learners[1500]?.id
    {
      const end = `if new.learner_id = ${unlucky} then
        perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); end if`
      await using _ = await trap(db, 'enterprise_learner_links', end)
      const answer = await enroll(db, customer, rows)
      expect(answer.counts).toEqual({ created: 1000, busy: 1100 })
      expect(answer.rows[1000]).toMatchObject({ code: 'busy', retryable: true, userId: null })
      expect(await activeIn(courseId)).toBe(1000)
    }
    expect((await enroll(db, customer, rows)).counts).toEqual({ unchanged: 1000, created: 1100 })
  })
})

async function activeIn(courseId: string): Promise<number> {
  const { count } = await db
    .selectFrom('enrollments as e')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('c.course_key', '=', courseId)
    .where('e.is_active', '=', true)
    .executeTakeFirstOrThrow()
  return Number(count)
}
