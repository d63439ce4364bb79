import { randomUUID } from 'node:crypto'
import { CamelCasePlugin, Kysely, PostgresDialect, sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import type { DB } from '../../core/database/schema.ts'
import { enrollLearners } from '../../enterprise/enroll-learners.ts'
import { cancelFulfilment } from '../../enterprise/fulfilments/cancel-fulfilment.ts'
import { endEnrollments } from '../../enterprise/fulfilments/end-enrollments.ts'
import { expireLicenses } from '../../enterprise/fulfilments/expire-licenses.ts'
import { revokeLicenses } from '../../enterprise/fulfilments/revoke-licenses.ts'
import { cancelPending } from '../../enterprise/pending/cancel.ts'
import { listPending } from '../../enterprise/pending/list.ts'
import { openPool } from '../support/open-pool.ts'
import { addCourse, addLearner, addLearners } from '../support/seed.ts'
import { license } from './acme.ts'
import { contextOf, kindsOf, NOW } from './calls.ts'
import { addCustomer, createEnterpriseDatabase } from './seed.ts'

/** A table of the caller, which the service knows nothing of. */
interface Own {
  ledger: { id: string; seats: number }
}

const database = await createEnterpriseDatabase()
const { db, connectionString } = database
await sql`create table ledger (id uuid primary key, seats integer not null)`.execute(db)

// What is said of the values of a result is nonsense on purpose, and the plugin renames every column.
const foreign = new Kysely<DB & Own>({
  dialect: new PostgresDialect({
    pool: openPool({
      connectionString,
      max: 4,
      types: { getTypeParser: () => (text: string | null) => new Date(`not an instant: ${text}`) },
    }),
  }),
  plugins: [new CamelCasePlugin()],
})
afterAll(async () => {
  await foreign.destroy()
  await database[Symbol.asyncDispose]()
})
const customer = await addCustomer(db)
const actor = { kind: 'service', name: 'ledger' } as const
const context = (on: Kysely<DB & Own>) => ({ db: on, actor, now: () => NOW })

describe.each<[string, <T>(work: (on: Kysely<DB & Own>) => Promise<T>) => Promise<T>]>([
  ['a pool of the caller’s own, with type parsers and a plugin', (work) => work(foreign)],
  ['a transaction of it', (work) => foreign.transaction().execute(work)],
  ['one connection of it', (work) => foreign.connection().execute(work)],
  [
    'one connection on which the caller has begun a transaction by hand',
    (work) =>
      foreign.connection().execute(async (connection) => {
        await sql`begin`.execute(connection)
        const value = await work(connection)
        await sql`commit`.execute(connection)
        return value
      }),
  ],
])('on %s', (_, on) => {
  test('every operation answers as on a pool of ours', async () => {
    const rows = await rowsOfEveryOperation()
    const theirs = await on((theirDb) => everyOperation(theirDb, rows.theirs))
    const ours = await everyOperation(db as unknown as Kysely<DB & Own>, rows.ours) // The ledger is there.
    expect(withoutIds(theirs, rows.theirs)).toEqual(withoutIds(ours, rows.ours))
  })
})

describe('at the same time in one transaction', () => {
  test('requests that are taken back take no row of others with them', async () => {
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 8)
    const answers = await foreign.transaction().execute((trx) =>
      Promise.all(
        learners.map(({ id }, index) => {
          const rows = [{ userId: String(id), courseId }]
          const options = [
            {},
            { dryRun: true },
            { rows: [...rows, { userId: '999999999', courseId }], failureMode: 'strict' as const },
            { idempotencyKey: randomUUID() },
          ][index % 4]
          return enrollLearners(context(trx), { customer: customer.uuid, rows, ...options })
        }),
      ),
    )
    const kinds = ['created', 'created', 'notAttempted', 'created']
    expect(answers.map((answer) => kindsOf(answer)[0])).toEqual([...kinds, ...kinds])
    expect(await enrolledIn(courseId)).toEqual([0, 3, 4, 7].map((index) => learners[index]?.id))
  })

  test('operations happen in the order in which they were called', async () => {
    const [ann, courseId] = [await addLearner(db), await addCourse(db)]
    const funding = license('L')
    const answers = await db.transaction().execute((trx) =>
      Promise.all([
        enrollLearners(contextOf(trx), {
          customer: customer.uuid,
          rows: [{ userId: String(ann.id), courseId, funding }],
        }),
        expireLicenses(contextOf(trx), { licenses: [funding.license] }),
        revokeLicenses(contextOf(trx), { customer: customer.uuid, learner: { userId: String(ann.id) } }),
      ]),
    )
    const [enrolled, expired, revoked] = answers
    expect(kindsOf(enrolled)).toEqual(['created'])
    expect(expired.counts).toEqual({ movedToAudit: 1 })
    expect(revoked.courses).toMatchObject([{ did: 'alreadyRevoked' }])
  })

  test('what was not begun when the owner rolls back is refused, and leaves nothing', async () => {
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 4)
    const trx = await db.startTransaction().execute()
    const calls = learners.map(({ id }) =>
      enrollLearners(contextOf(trx), { customer: customer.uuid, rows: [{ userId: String(id), courseId }] }),
    )
    const settled = Promise.allSettled(calls)
    await trx.rollback().execute()
    const refusals = (await settled).filter((one) => one.status === 'rejected')
    expect(refusals.length).toBeGreaterThan(0)
    for (const { reason } of refusals) expect(reason).toMatchObject({ name: 'EnrollmentError', code: 'unavailable' })
    expect(await enrolledIn(courseId)).toEqual([])
  })
})

test('a row of the caller’s own table and the enrollments are both there or neither is', async () => {
  const courseId = await addCourse(db)
  const [ann, bob] = [await addLearner(db), await addLearner(db)]
  const buy = async (learner: { id: number }, fails: boolean) =>
    foreign.transaction().execute(async (trx) => {
      await trx.insertInto('ledger').values({ id: randomUUID(), seats: 1 }).execute()
      await enrollLearners(context(trx), { customer: customer.uuid, rows: [{ userId: String(learner.id), courseId }] })
      if (fails) throw new Error('the bank does not pay')
    })
  await buy(ann, false)
  await expect(buy(bob, true)).rejects.toThrow('the bank does not pay')
  expect(await enrolledIn(courseId)).toEqual([ann.id])
  const { rows } = await sql`select seats from ledger`.execute(db)
  expect(rows).toEqual([{ seats: 1 }])
})

test('what is no Kysely is refused with a sentence', async () => {
  const nothing = { db: {} as Kysely<DB>, actor }
  const request = { customer: customer.uuid, rows: [{ userId: '1', courseId: 'x' }] }
  await expect(enrollLearners(nothing, request)).rejects.toThrow(TypeError)
  await expect(listPending(nothing, { customer: customer.uuid })).rejects.toThrow(/^db has to be a Kysely/)
})

interface Learners {
  readonly courses: readonly string[]
  readonly userIds: readonly string[]
  readonly email: string
  readonly customer: { readonly uuid: string }
}

async function rowsOfEveryOperation(): Promise<{ ours: Learners; theirs: Learners }> {
  const courses = [await addCourse(db, { modes: ['verified', 'audit'] }), await addCourse(db, { max_enrollments: 50 })]
  const one = async (): Promise<Learners> => ({
    courses,
    userIds: (await addLearners(db, 2)).map(({ id }) => String(id)),
    email: `${randomUUID()}@example.com`,
    customer: await addCustomer(db),
  })
  return { ours: await one(), theirs: await one() }
}

/** Enrolls, raises, lists, ends, cancels, revokes and expires. */
async function everyOperation(on: Kysely<DB & Own>, { courses, userIds, email, customer: { uuid } }: Learners) {
  const licenses = [randomUUID(), randomUUID(), randomUUID()] as const
  const [first = '', second = ''] = userIds
  const [verified = '', capped = ''] = courses
  const rows = [
    { userId: first, courseId: verified, funding: { license: licenses[0] } },
    { userId: first, courseId: capped, funding: { license: licenses[1] } },
    { userId: second, courseId: capped, funding: { license: licenses[2] }, mode: 'honor' },
    { userId: second, courseId: verified, funding: { transaction: licenses[2] } },
    { email: email.toUpperCase(), courseId: capped, funding: { license: licenses[0] } },
  ]
  const request = { customer: uuid, rows, notify: true, idempotencyKey: randomUUID() }
  const enrolled = await enrollLearners(context(on), request)
  const replayed = await enrollLearners(context(on), request)
  const paid = enrolled.rows.find((row) => row.ok && row.courseId === verified && row.userId === second)
  return {
    enrolled,
    replayed,
    raised: await enrollLearners(context(on), {
      customer: uuid,
      rows: rows.slice(0, 3).map(({ userId = '', courseId }) => ({
        userId,
        courseId,
        mode: 'audit',
        source: 'api' as const,
        whenEnrolled: 'upgrade' as const,
      })),
    }),
    pending: await listPending(context(on), { customer: uuid }),
    ended: await endEnrollments(context(on), { customer: uuid, rows: [{ userId: first, courseId: capped }] }),
    cancelledPending: await cancelPending(context(on), { customer: uuid, rows: [{ email }] }),
    cancelled: await cancelFulfilment(context(on), { fulfilmentId: (paid?.ok && paid.fulfilmentId) || '' }),
    revoked: await revokeLicenses(context(on), { customer: uuid, learner: { userId: first } }),
    expired: await expireLicenses(context(on), {
      licenses: [...licenses],
      ignoreEnrollmentsModifiedAfter: '2031-01-01T00:00:00Z',
    }),
  }
}

/** What two runs have in common: UUIDs and ids are those of each. */
function withoutIds(answer: unknown, { userIds, email }: Learners): unknown {
  const text = JSON.stringify(answer)
    .replaceAll(email, 'the address')
    .replaceAll(/learner-\d+@/g, 'learner@')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'a UUID')
    .replaceAll(/"(enrollmentId|id|pendingId|eventId)":"\d+"/g, '"$1":"an id"')
    .replaceAll(/"events":\["\d+"\]/g, '"events":["an id"]')
  return JSON.parse(
    userIds.reduce((rest, id, index) => rest.replaceAll(`"userId":"${id}"`, `"userId":"${index}"`), text),
  )
}

async function enrolledIn(courseId: string): Promise<number[]> {
  const rows = await db
    .selectFrom('enrollments as e')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select('e.learner_id')
    .where('c.course_key', '=', courseId)
    .orderBy('e.learner_id')
    .execute()
  return rows.map(({ learner_id }) => learner_id)
}
