// slow: cuts connections again and again
import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { EnterpriseTables } from '../../../enterprise/database/schema.ts'
import { applyArrivals } from '../../../enterprise/pending/arrivals.ts'
import { SWEEP_START, sweepOpenLinks } from '../../../enterprise/pending/sweep.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { trap } from '../../support/trap.ts'
import { openWire, type Ambush } from '../../support/wire.ts'
import { enrollmentInWords } from '../../support/world.ts'
import { uuidOf } from '../acme.ts'
import { enroll, NOW } from '../calls.ts'
import { addCustomer, addPending, createEnterpriseDatabase } from '../seed.ts'
import { everythingIn } from '../state.ts'
import { fulfil, later, startWaitingStep, step } from './steps.ts'
import { eventually } from '../../support/eventually.ts'

const database = await createEnterpriseDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const customer = await addCustomer(db)
let addresses = 0

/** Every table that is written when a row is carried out. */
const TABLES = [
  'enrollments',
  'enrollment_events',
  'enterprise_batches',
  'enterprise_enrollment_records',
  'enterprise_fulfilments',
  'enterprise_default_realizations',
  'enterprise_pending_enrollments',
]

describe('a step whose connection is ended', () => {
  test.each(TABLES)(
    'while it writes %s leaves nothing; its rows are done once their claim has ended',
    async (table) => {
      const { courseId } = await situation(3)
      await applyArrivals(db, { limit: 10, at: NOW.toISOString() })
      const untouched = await allButClaims()
      {
        // The claim is kept by then.
        await using _ = await trap(
          db,
          table,
          `if tg_op = 'INSERT' or to_jsonb(new) ->> 'state' = 'fulfilled' then
        perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); end if`,
        )
        await expect(step(db)).rejects.toMatchObject({ name: 'EnrollmentError', code: 'unavailable' })
      }
      expect(await allButClaims()).toEqual(untouched)
      expect(await statesIn(courseId)).toEqual(['waiting 1', 'waiting 1', 'waiting 1'])
      expect(await fulfil(db, { now: () => later(29) })).toEqual({})
      expect(await fulfil(db, { now: () => later(31) })).toEqual({ fulfilled: 3 })
      expect(await doneIn(courseId)).toEqual(once(3))
    },
  )

  test.each<[string, Ambush, string]>([
    ['passOn', 'answer', 'waiting 0'],
    ['passOn', 'commit', 'waiting 0'],
    ['claimDue', 'answer', 'waiting 1'],
    ['records', 'request', 'waiting 1'],
    ['resolve', 'answer', 'waiting 1'],
    ['resolve', 'commit', 'fulfilled 0'],
  ])('at %s, before the %s is heard, loses nothing and does nothing twice', async (name, at, state) => {
    const { courseId } = await situation(3)
    {
      await using wire = await openWire(database.connectionString)
      await using broken = openDatabase({ connectionString: wire.connectionString, poolSize: 1 })
      const ambush = wire.ambush(`/* enterprise.${name} */`, at)
      const failing = step(broken.$extendTables<EnterpriseTables>()).catch((error: unknown) => error)
      const cut = await ambush
      cut()
      expect(await failing).toMatchObject({ code: 'unavailable' })
    }
    await untilNobodyWorks()
    expect(await statesIn(courseId)).toEqual([state, state, state])
    await fulfil(db, { now: () => later(31) })
    expect(await doneIn(courseId)).toEqual(once(3))
  })
})

describe('a row that others are in the way of', () => {
  test('is tried again after longer and longer, alone in the end, and spoils no other', async () => {
    const { courseId, emails } = await situation(2)
    const spoiled = `if (select learner_id from enterprise_learner_links where id = new.link_id) =
      (select id from learners where email = '${emails[0]}') then raise exception using errcode = '23514'; end if`
    {
      await using _ = await trap(db, 'enterprise_enrollment_records', spoiled)
      expect((await step(db)).counts).toMatchObject({ fulfilled: 1, postponed: 1 })
      for (const [at, next] of [
        [30, 90],
        [90, 210],
        [210, 450],
        [450, 930],
      ] as const) {
        expect(await fulfil(db, { now: () => later(at - 1) })).toEqual({})
        expect(await fulfil(db, { now: () => later(at) })).toEqual({ postponed: 1 })
        expect(await nextAttemptIn(courseId)).toEqual(later(next))
      }
      const { courseId: others } = await situation(2)
      const taken = []
      for (let n = 0; n < 2; n += 1) taken.push((await step(db, { now: () => later(930) })).taken)
      expect(taken.toSorted((a, b) => a - b)).toEqual([1, 2])
      expect(await doneIn(others)).toEqual(once(2))
    }
    expect(await statesIn(courseId)).toEqual(['fulfilled 0', 'waiting 6'])
    expect(await fulfil(db, { now: () => later(100_000) })).toEqual({ fulfilled: 1 })
    expect(await doneIn(courseId)).toEqual(once(2))
  })
})

describe('steps at the same time', () => {
  test('share the rows, and do each once', async () => {
    const { courseId } = await situation(400)
    const done = await Promise.all(
      Array.from({ length: 4 }, async () => {
        await using other = openDatabase({ connectionString: database.connectionString, poolSize: 1 })
        const steps = []
        for (;;) {
          const { arrivals, taken, counts } = await step(other.$extendTables<EnterpriseTables>(), {}, 30)
          if (arrivals === 0 && taken === 0) return steps
          steps.push(counts.fulfilled)
        }
      }),
    )
    const left = (await fulfil(db))['fulfilled'] ?? 0
    expect(done.flat().reduce((sum, count) => sum + count, left)).toBe(400)
    expect(await doneIn(courseId)).toEqual(once(400))
  })

  test('take other rows than one that is under way', async () => {
    const { courseId } = await situation(4)
    {
      await using wire = await openWire(database.connectionString)
      await using other = openDatabase({ connectionString: wire.connectionString, poolSize: 1 })
      const ambush = wire.ambush('/* enterprise.records */', 'request')
      const underWay = step(other.$extendTables<EnterpriseTables>(), {}, 2).catch((error: unknown) => error)
      const cut = await ambush
      expect(await step(db, {}, 2)).toMatchObject({ taken: 2, counts: { fulfilled: 2 } })
      cut()
      expect(await underWay).toMatchObject({ code: 'unavailable' })
    }
    await untilNobodyWorks()
    expect(await statesIn(courseId)).toEqual(['fulfilled 0', 'fulfilled 0', 'waiting 1', 'waiting 1'])
    expect(await fulfil(db, { now: () => later(31) })).toEqual({ fulfilled: 2 })
    expect(await doneIn(courseId)).toEqual(once(4))
  })

  test('that took the same row, because the first was slow, do it once', async () => {
    const { courseId } = await situation(1)
    const learnerId = await learnerOf(courseId)
    const slow = await db.transaction().execute(async (trx) => {
      await sql`select from learners where id = ${learnerId} for update`.execute(trx)
      const { steps } = await startWaitingStep(db)
      const others = await startWaitingStep(db, steps.length)
      return { steps: [...steps, ...others.steps] }
    })
    const steps = await Promise.all(slow.steps)
    expect(steps.map(({ taken }) => taken)).toEqual(steps.map(() => 1))
    // Where both have waited for too long, it is done when their claims have ended.
    const { fulfilled = 0 } = await fulfil(db, { now: () => later(1_000_000) })
    expect(steps.reduce((sum, { counts }) => sum + counts.fulfilled, fulfilled)).toBe(1)
    expect(await doneIn(courseId)).toEqual(once(1))
  })

  test('do what a row asks for once nobody changes it any more', async () => {
    const { courseId, emails } = await situation(1)
    const learnerId = await learnerOf(courseId)
    const waiting = await db.transaction().execute(async (trx) => {
      await sql`select from enterprise_pending_links where email = ${emails[0]} for update`.execute(trx)
      const { steps } = await startWaitingStep(db)
      await sql`update enterprise_pending_enrollments set mode = 'audit' where course_key = ${courseId}`.execute(trx)
      return { steps }
    })
    const steps = await Promise.all(waiting.steps)
    // Where it has waited for too long, it is done when its claim has ended.
    const { fulfilled = 0 } = await fulfil(db, { now: () => later(1_000_000) })
    expect(steps.reduce((sum, { counts }) => sum + counts.fulfilled, fulfilled)).toBe(1)
    expect(await enrollmentInWords(db, learnerId, courseId)).toBe('active audit')
  })

  test('as requests for the same addresses, whose accounts arrive, end with everybody enrolled once', async () => {
    const courseId = await addCourse(db)
    await db
      .insertInto('enterprise_default_intentions')
      .values({ customer_id: customer.id, course_key: courseId })
      .execute()
    for (let round = 0; round < 10; round += 1) {
      const emails = Array.from({ length: 10 }, newAddress)
      const funding = { license: uuidOf('L') }
      const rows = emails.map((email) => ({ email, courseId, funding, isDefaultAutoEnrollment: true }))
      const answers = await Promise.all([
        enroll(db, customer, rows),
        enroll(db, customer, rows.toReversed()),
        ...emails.map(async (email) => void (await addLearner(db, { email }))),
        step(db),
        step(db),
      ])
      expect(answers).toHaveLength(14)
    }
    for (let after; after !== SWEEP_START;) {
      after = (await sweepOpenLinks(db, { after: after ?? SWEEP_START, limit: 1000 })).after
    }
    await fulfil(db, { now: () => later(31) })
    expect(await doneIn(courseId)).toEqual(once(100))
  })
})

/** Something waits for so many addresses in one course run, and all of them have accounts. */
async function situation(size: number) {
  const courseId = await addCourse(db)
  await db
    .insertInto('enterprise_default_intentions')
    .values({ customer_id: customer.id, course_key: courseId })
    .execute()
  const emails = Array.from({ length: size }, newAddress)
  for (const email of emails) {
    await addPending(db, customer, email, courseId, { license_uuid: uuidOf('L'), is_default_auto_enrollment: true })
  }
  const learners = await addLearners(db, size, { email: null })
  const ids = learners.map(({ id }) => id)
  await sql`update learners l set email = a.email from unnest(${ids}::integer[], ${emails}::text[]) as a (id, email)
    where l.id = a.id`.execute(db)
  return { courseId, emails }
}

/** Who has the address for which something waits; the arrival is taken note of. */
async function learnerOf(courseId: string): Promise<number> {
  await applyArrivals(db, { limit: 1000, at: NOW.toISOString() })
  const row = await db
    .selectFrom('enterprise_pending_enrollments as p')
    .innerJoin('enterprise_pending_links as k', 'k.id', 'p.pending_link_id')
    .select('k.taken_by')
    .where('p.course_key', '=', courseId)
    .executeTakeFirstOrThrow()
  return row.taken_by ?? 0
}

function newAddress(): string {
  addresses += 1
  return `new${addresses}@example.com`
}

async function allButClaims() {
  const { enterprise_pending_enrollments: _, ...rest } = await everythingIn(db)
  return rest
}

/** What became of the rows of a course run, and how many attempts failed. */
async function statesIn(courseId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('enterprise_pending_enrollments')
    .select(['state', 'attempts'])
    .where('course_key', '=', courseId)
    .execute()
  return rows.map(({ state, attempts }) => `${state} ${attempts}`).toSorted()
}

async function nextAttemptIn(courseId: string): Promise<Date> {
  const row = await db
    .selectFrom('enterprise_pending_enrollments')
    .select('next_attempt')
    .where('course_key', '=', courseId)
    .where('state', '=', 'waiting')
    .executeTakeFirstOrThrow()
  return new Date(row.next_attempt ?? 0)
}

/** Everybody of a course run has one enrollment with one event, one record, one fulfilment, and nobody waits. */
function once(size: number) {
  const counts = { enrollments: size, events: size, records: size, fulfilments: size, realizations: size }
  return [{ ...counts, good: true, undone: 0 }]
}

async function doneIn(courseId: string): Promise<unknown[]> {
  const { rows } = await sql`
    select count(distinct e.id)::integer as enrollments, count(distinct v.id)::integer as events,
      count(distinct r.id)::integer as records, count(distinct f.uuid)::integer as fulfilments,
      count(distinct z.record_id)::integer as realizations,
      bool_and(e.is_active and not r.unenrolled and f.revoked is null and f.funding_id = ${uuidOf('L')}::uuid) as good,
      (select count(*)::integer from enterprise_pending_enrollments p where p.course_key = ${courseId}
        and p.state <> 'fulfilled') as undone
    from courses c join enrollments e on e.course_id = c.id
    join enrollment_events v on v.enrollment_id = e.id
    join enterprise_enrollment_records r on r.enrollment_id = e.id
    join enterprise_fulfilments f on f.record_id = r.id
    join enterprise_default_realizations z on z.record_id = r.id
    where c.course_key = ${courseId}`.execute(db)
  return rows
}

/** The database may hear of a connection's end a moment later. */
async function untilNobodyWorks(): Promise<void> {
  await eventually(async () => {
    const { rows } = await sql`select from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null`.execute(db)
    expect(rows).toEqual([])
  })
}
