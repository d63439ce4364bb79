import { sql, type Kysely } from 'kysely'
import { escapeLiteral } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { plainCommand, type BatchItem } from '../../../core/enrollment/command.ts'
import { readFacts } from '../../../core/enrollment/facts.ts'
import { foresee } from '../../../core/enrollment/foresee.ts'
import { foreseenStatement } from '../../../core/enrollment/foreseen-sql.ts'
import { knownCoursesOf } from '../../../core/enrollment/known-courses.ts'
import { outlookOf } from '../../../core/enrollment/outlook.ts'
import { writeForeseen } from '../../../core/enrollment/write-foreseen.ts'
import type { LearnerRef } from '../../../core/learner/ref.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { createCaller } from '../../../routers/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { importAll } from '../../support/transfer.ts'
import { addEnrollment } from '../../support/world.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
afterAll(() => database[Symbol.asyncDispose]())

const OPTIONS = { asOne: false, lockWaitMs: 100 }

beforeAll(async () => {
  await sql`insert into courses (course_key, org) select 'course-v1:Org+C' || n || '+R', 'Org' from generate_series(1, 10000) n`.execute(
    db,
  )
  await sql`insert into learners (username, email) select 'somebody-' || n, n || '@x.example' from generate_series(1, 20000) n`.execute(
    db,
  )
  await sql`insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
    select id, id % 100 + 1, true, 'audit', now(), now() from learners`.execute(db)
  await sql`vacuum (analyze) courses, learners, enrollment_allowances, enrollments`.execute(db)
})

test.each([
  ['one by username', [{ username: 'somebody-1' }]],
  ['several by username', [{ username: 'somebody-1' }, { username: 'somebody-2' }]],
  ['several by e-mail address and id', [{ email: '1@x.example' }, { userId: '2' }]],
] as const)('of 10 000 course runs only those are looked at that are meant: %s', async (_, learners) => {
  const plan = await genericPlan(learners)
  expect(plan).toMatch(/Index (Only )?Scan using courses_pkey on courses c\b/)
  expect(plan).toMatch(/Index (Only )?Scan using enrollments_learner_id_course_id_key on enrollments/)
  expect(plan).not.toMatch(/Hash Join|Merge Join|Seq Scan on (courses|learners|enrollments|enrollment_allowances)/)
})

test('a course run that grows large while others are small does not have all its learners looked at for each', async () => {
  await using own = await createTestDatabase()
  await using one = openDatabase({ connectionString: own.connectionString, poolSize: 1 })
  const { enrollment } = createCaller({ db: one, actor: { kind: 'service', name: 'tests' } })
  const names = (await addLearners(own.db, 2_000)).map(({ username }) => username)
  const fill = async (runs: number) => {
    for (let run = 0; run < runs; run += 1) {
      const courseId = await addCourse(own.db)
      for (let n = 0; n < 8; n += 2) {
        const items = [n, n + 1].map((index) => ({ username: names[8 * run + index] ?? '', courseId }))
        await enrollment.enrollMany({ items })
      }
    }
  }
  await fill(30)
  await sql`vacuum (analyze) enrollments, learners, courses`.execute(own.db)
  // By now its plans are made for any parameters.
  await fill(30)
  const courseId = await addCourse(own.db)
  await enrollment.enroll({ username: names[0] ?? '', courseId })
  const items = names.map((username) => ({ username, courseId }))
  await enrollment.enrollMany({ items })
  const before = await entriesRead(one)
  expect((await enrollment.enrollMany({ items })).counts).toEqual({ unchanged: names.length })
  expect((await entriesRead(one)) - before).toBeLessThan(2 * names.length)
})

test('of a learner in many course runs the enrollment in one is found at once, by whatever asks for it', async () => {
  await using own = await createTestDatabase()
  await using one = openDatabase({ connectionString: own.connectionString, poolSize: 1 })
  const { enrollment } = createCaller({ db: one, actor: { kind: 'service', name: 'tests' } })
  const [{ id, username } = { id: 0, username: '' }] = await addLearners(own.db, 1)
  const courseId = await addCourse(own.db)
  await sql`insert into courses (course_key, org) select 'course-v1:Org+Other' || n || '+R', 'Org' from generate_series(1, 10000) n`.execute(
    own.db,
  )
  await sql`insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
    select ${id}, id, true, 'audit', now(), now() from courses`.execute(own.db)
  await sql`vacuum (analyze) enrollments`.execute(own.db)
  const pair = { username, courseId }
  const line = { ...pair, type: 'enrollment', mode: 'audit', isActive: true }
  const ways: Record<string, () => Promise<unknown>> = {
    enroll: () => enrollment.enroll(pair),
    enrollMany: () => enrollment.enrollMany({ items: [pair, pair] }),
    strict: () => enrollment.enrollMany({ items: [pair], failureMode: 'strict' }),
    getMany: () => enrollment.getMany({ enrollments: [pair] }),
    import: () => importAll(one, [line]),
  }
  for (const [way, ask] of Object.entries(ways)) {
    await ask()
    const before = await blocksRead(one)
    await ask()
    // All entries of the learner are in some thirty blocks.
    expect((await blocksRead(one)) - before, way).toBeLessThan(12)
  }
})

/** Entries of the indexes of enrollments that the connection of a pool has read. */
async function entriesRead(pool: Kysely<DB>): Promise<number> {
  await sql`select pg_stat_force_next_flush()`.execute(pool)
  const { rows } = await sql<{ read: number }>`
    select sum(idx_tup_read)::integer as read from pg_stat_user_indexes where relname = 'enrollments'`.execute(pool)
  return rows[0]?.read ?? 0
}

/** Blocks of the index of pairs that the connection of a pool has read. */
async function blocksRead(pool: Kysely<DB>): Promise<number> {
  await sql`select pg_stat_force_next_flush()`.execute(pool)
  const { rows } = await sql<{ read: number }>`select (idx_blks_read + idx_blks_hit)::integer as read
    from pg_statio_user_indexes where indexrelname = 'enrollments_learner_id_course_id_key'`.execute(pool)
  return rows[0]?.read ?? 0
}

test('what exists draws neither an id nor a transaction id', async () => {
  const courseId = await addCourse(db)
  const [learner] = await addLearners(db, 1)
  await addEnrollment(db, learner?.id ?? 0, courseId)
  const repeat = await foreseenOf([{ username: learner?.username ?? '' }], courseId)
  expect(await drawn(repeat)).toEqual({ ids: 0, hasTransaction: false })
  const several = await foreseenOf([{ username: learner?.username ?? '' }, { username: 'nobody' }], courseId)
  expect(await drawn(several)).toEqual({ ids: 0, hasTransaction: false })
  // So it is the repeat that draws nothing.
  const [fresh] = await addLearners(db, 1)
  expect(await drawn(await foreseenOf([{ username: fresh?.username ?? '' }], courseId))).toEqual({
    ids: 1,
    hasTransaction: true,
  })
})

async function drawn(foreseen: Awaited<ReturnType<typeof foreseenOf>>) {
  return db.transaction().execute(async (trx) => {
    const ids = await lastId(trx)
    await writeForeseen(trx, foreseen, defaultPolicy, { ...OPTIONS, outlook: outlookOf(db) })
    const { rows } = await sql<{ id: string | null }>`select pg_current_xact_id_if_assigned()::text as id`.execute(trx)
    return { ids: (await lastId(trx)) - ids, hasTransaction: rows[0]?.id !== null }
  })
}

async function lastId(trx: Kysely<DB>): Promise<number> {
  const { rows } = await sql<{ last: string }>`select last_value as last from enrollments_id_seq`.execute(trx)
  return Number(rows[0]?.last)
}

async function foreseenOf(learners: readonly LearnerRef[], courseId: string) {
  const metadata = { actor: { kind: 'service', name: 'tests' }, via: 'caller', now: new Date() } as const
  const items: BatchItem[] = learners.map((learner) => ({
    command: { ...plainCommand, learner, courseId, path: 'enroll' },
    metadata,
  }))
  await readFacts(
    db,
    items.map(({ command }) => command),
  )
  const known = knownCoursesOf(db).get(courseId)
  if (known === undefined) throw new Error('The course run was read')
  return foresee(
    items.map((item) => ({ item, known })),
    defaultPolicy,
  )
}

async function genericPlan(learners: readonly LearnerRef[]): Promise<string> {
  const { items } = await foreseenOf(learners, 'course-v1:Org+C5000+R')
  const { sql: text, parameters } = foreseenStatement(items, { ...OPTIONS, areSurelyNew: false })
  await using pool = openDatabase({ connectionString, poolSize: 1 })
  await sql`set plan_cache_mode = force_generic_plan`.execute(pool)
  await sql.raw(`prepare foreseen as ${text}`).execute(pool)
  const values = parameters.map((value) =>
    value === null ? 'null' : escapeLiteral(typeof value === 'string' ? value : JSON.stringify(value)),
  )
  const { rows: lines } = await sql
    .raw<{ 'QUERY PLAN': string }>(`explain (costs off) execute foreseen (${values.join(', ')})`)
    .execute(pool)
  return lines.map((line) => line['QUERY PLAN']).join('\n')
}
