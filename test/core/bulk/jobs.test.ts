// slow: carries out jobs of thousands of lines
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { sweepBulkJobs } from '../../../core/bulk/sweep.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { createCaller } from '../../../routers/index.ts'
import { startBulkWorker } from '../../../server/background/bulk/worker.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { addCourse, addLearners, addManyLearners } from '../../support/seed.ts'
import { trap } from '../../support/trap.ts'

let database: TestDatabase
let worker: AsyncDisposable
const actor = { kind: 'service', name: 'tests' } as const
const log = { error: console.error, warn: console.warn }

beforeAll(async () => {
  database = await createTestDatabase()
  const { db, connectionString } = database
  worker = await startBulkWorker({ db, connectionString, policy: defaultPolicy, log })
})

afterAll(async () => {
  await worker[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

function caller() {
  return createCaller({ db: database.db, actor })
}

async function ended(jobId: string) {
  for await (const { data } of caller().bulk.watch({ jobId })) if (data.endedAt !== null) return data
  throw new Error('It never ended')
}

describe('a job of items', () => {
  test('enrolls them in order, and has a result for each line', async () => {
    const courseId = await addCourse(database.db)
    const learners = await addLearners(database.db, 2_500)
    const items = learners.map(({ username }, index) => ({ username, courseId, ref: `r${index}` }))
    items.splice(1_200, 0, { username: 'nobody', courseId, ref: 'gone' })
    const { jobId, state } = await caller().bulk.start({ source: { items }, reason: 'new year' })
    expect(state).toBe('queued')
    const job = await ended(jobId)
    expect(job).toMatchObject({
      state: 'done',
      total: 2_501,
      done: 2_501,
      counts: { created: 2_500, learnerNotFound: 1 },
    })
    const page = await caller().bulk.results({ jobId, limit: 1_000 })
    expect(page.items.map(({ line }) => line)).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1))
    const next = await caller().bulk.results({ jobId, limit: 1_000, cursor: page.nextCursor ?? '' })
    expect(next.items[0]).toMatchObject({ line: 1_001, ref: 'r1000', ok: true, input: items[1_000] && { courseId } })
    const failed = await caller().bulk.results({ jobId, onlyFailed: true })
    expect(failed).toMatchObject({
      items: [{ line: 1_201, ref: 'gone', ok: false, error: { code: 'learnerNotFound' } }],
      nextCursor: null,
    })
    await eventually(async () => {
      const { events } = await caller().events.list({ batchId: jobId, limit: 1 })
      expect(events).toMatchObject([{ via: 'bulk', batchId: jobId, reason: 'new year', actor }])
    })
  })
})

describe('chunks of a job', () => {
  test('that name the same learner are carried out in their order', async () => {
    const courseId = await addCourse(database.db)
    const learners = await addLearners(database.db, 1_000)
    const items = learners.map(({ username }) => ({ username, courseId }))
    const again = {
      username: learners[500]?.username ?? '',
      courseId,
      mode: 'verified',
      whenEnrolled: 'update',
    } as const
    const { jobId } = await caller().bulk.start({ source: { items: [...items, again] } })
    expect((await ended(jobId)).counts).toEqual({ created: 1_000, modeChanged: 1 })
  })

  test('are carried out in their order also where others are between them that name other learners', async () => {
    const { db } = database
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 2_000)
    const items = learners.map(({ username }) => ({ username, courseId }))
    await ended((await caller().bulk.start({ source: { items } })).jobId)
    const changes = items.map((item) => ({ ...item, mode: 'verified' }))
    const first = { username: learners[0]?.username ?? '', courseId }
    const { jobId } = await db.transaction().execute(async (trx) => {
      // Holds up the first chunk while the second one is carried out.
      const joined = createCaller({ db: trx, actor })
      await joined.enrollment.change({ username: learners[5]?.username ?? '', courseId, mode: 'verified' })
      const started = await caller().bulk.start({
        action: 'change',
        source: { items: [...changes, { ...first, mode: 'audit' }] },
      })
      await eventually(async () => expect((await caller().bulk.get({ jobId: started.jobId })).done).toBeGreaterThan(0))
      return started
    })
    expect((await ended(jobId)).counts).toEqual({ modeChanged: 2_000, unchanged: 1 })
    expect(await caller().enrollment.get(first)).toMatchObject({ mode: 'audit', version: 3 })
  })

  test('wait for each other to be committed: none is begun again for that', async () => {
    const { db } = database
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 3_000)
    await sql`
      create sequence tried_chunks;
      create function commit_slowly() returns trigger language plpgsql as $$
        begin perform pg_sleep(0.2); return null; end $$;
      create function count_try() returns trigger language plpgsql as $$
        begin perform nextval('tried_chunks'); return null; end $$;
      create trigger count_try after update of results on bulk_chunks for each row execute function count_try();
      create constraint trigger commit_slowly after update on bulk_chunks deferrable initially deferred
        for each row execute function commit_slowly()`.execute(db)
    try {
      const items = learners.map(({ username }) => ({ username, courseId }))
      const { counts } = await ended((await caller().bulk.start({ source: { items } })).jobId)
      expect(counts).toEqual({ created: 3_000 })
      const { rows } = await sql`select last_value::integer as tried from tried_chunks`.execute(db)
      expect(rows).toEqual([{ tried: 3 }])
    } finally {
      await sql`drop function commit_slowly cascade; drop function count_try cascade`.execute(db)
    }
  })

  test('are decided and recorded as of when they are carried out', async () => {
    const { db } = database
    const courseId = await addCourse(db)
    const items = (await addLearners(db, 3_000)).map(({ username }) => ({ username, courseId }))
    const { jobId } = await caller().bulk.start({ source: { items } })
    await ended(jobId)
    const { rows } = await sql`
      select count(distinct at)::integer as moments from enrollment_events where batch_id = ${jobId}::uuid`.execute(db)
    expect(rows).toEqual([{ moments: 3 }])
  })

  test('of different learners do not wait for each other', async () => {
    const { db } = database
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 2_000)
    // A line of the first chunk is not written before the second one is done. It gives up before a statement has to end.
    await using _ = await trap(
      db,
      'enrollments',
      `for look in 1..800 loop
        exit when new.learner_id <> ${learners[5]?.id} or exists (select from bulk_chunks c join bulk_jobs j on j.id = c.job_id
          where j.state = 'running' and c.number = 1 and c.done is not null);
        perform pg_sleep(0.01);
      end loop`,
    )
    const items = learners.map(({ username }) => ({ username, courseId }))
    const { jobId } = await caller().bulk.start({ source: { items } })
    expect((await ended(jobId)).counts).toEqual({ created: 2_000 })
    const chunks = await db
      .selectFrom('bulk_chunks')
      .select('number')
      .where('job_id', '=', jobId)
      .orderBy('done')
      .execute()
    expect(chunks.map(({ number }) => number)).toEqual([1, 0])
  })
})

describe('a job of a file', () => {
  test('reads it, reports lines that are said twice, fails those that contradict each other and those that are none', async () => {
    const courseId = await addCourse(database.db)
    const [ada, bob, eve] = (await addLearners(database.db, 3)).map(({ username }) => username)
    const rows = [
      'username,course_id,mode,favourite',
      `${ada},${courseId},audit,blue`,
      `${bob},${courseId},audit,`,
      '',
      `${ada},${courseId},audit,green`,
      `${bob},${courseId},verified,`,
      `${eve}`,
      `${eve},${courseId},,`,
    ]
    const { jobId } = await caller().bulk.start({ source: { csv: rows.join('\r\n') } })
    const job = await ended(jobId)
    expect(job).toMatchObject({
      state: 'done',
      total: 6,
      counts: { created: 2, duplicateLine: 1, contradictingLine: 2, invalidLine: 1 },
      warnings: [expect.stringContaining('favourite')],
    })
    const { items } = await caller().bulk.results({ jobId })
    expect(items.map(({ line, ok, error }) => [line, ok, error?.code, error?.details])).toEqual([
      [2, true, undefined, undefined],
      [3, false, 'contradictingLine', { line: 6 }],
      [5, false, 'duplicateLine', { line: 2 }],
      [6, false, 'contradictingLine', { line: 3 }],
      [7, false, 'invalidLine', expect.anything()],
      [8, true, undefined, undefined],
    ])
    expect(items[0]?.input).toEqual({ username: ada, course_id: courseId, mode: 'audit', favourite: 'blue' })

    const again = await caller().bulk.retryFailed({ jobId })
    expect(again).toMatchObject({ source: 'retry', parentJobId: jobId })
    expect((await ended(again.jobId)).total).toBe(4)
  })

  test('puts learners into the cohorts that it names, and does nothing for a cohort that there is not', async () => {
    const { db } = database
    const courseId = await addCourse(db)
    const [ada, bob] = (await addLearners(db, 2)).map(({ username }) => username)
    await db
      .insertInto('cohorts')
      .columns(['course_id', 'name'])
      .expression(
        db
          .selectFrom('courses')
          .select(['id', sql.lit('red').as('name')])
          .where('course_key', '=', courseId),
      )
      .execute()
    const csv = `username,course_id,cohort\n${ada},${courseId},red\n${bob},${courseId},blue\n`
    const { jobId } = await caller().bulk.start({ source: { csv } })
    expect((await ended(jobId)).counts).toEqual({ created: 1, cohortNotFound: 1 })
    const members = await db
      .selectFrom('cohort_members as m')
      .innerJoin('learners as l', 'l.id', 'm.learner_id')
      .innerJoin('courses as c', 'c.id', 'm.course_id')
      .select('l.username')
      .where('c.course_key', '=', courseId)
      .execute()
    expect(members).toEqual([{ username: ada }])
  })

  test('that lacks a column fails as a whole, and says so', async () => {
    const { jobId } = await caller().bulk.start({ source: { csv: 'username,mode\nada,audit\n' } })
    expect(await ended(jobId)).toMatchObject({ state: 'failed', done: 0, lastError: { code: 'invalidFile' } })
    const unclosed = await caller().bulk.start({ source: { csv: 'username,course_id\n"alice,x\n' } })
    expect((await ended(unclosed.jobId)).lastError?.message).toBe(
      'The file cannot be read, line 2: A quote of the record that begins here is not closed.',
    )
  })
})

describe('a dry run', () => {
  test('keeps nothing, and counts the seats that its own earlier chunks would take', async () => {
    const courseId = await addCourse(database.db, { max_enrollments: 1_500 })
    const learners = await addLearners(database.db, 2_100)
    const items = learners.map(({ username }) => ({ username, courseId }))
    const { jobId } = await caller().bulk.start({ source: { items }, dryRun: true })
    expect(await ended(jobId)).toMatchObject({
      state: 'done',
      dryRun: true,
      counts: { created: 1_500, courseFull: 600 },
    })
    const failed = await caller().bulk.results({ jobId, onlyFailed: true, limit: 1 })
    expect(failed.items).toMatchObject([{ line: 1_501, error: { code: 'courseFull', details: { limit: 1_500 } } }])
    expect((await caller().enrollment.search({ courseIds: [courseId], limit: 1 })).items).toEqual([])
    const { jobId: real } = await caller().bulk.start({ source: { items } })
    expect((await ended(real)).counts).toEqual({ created: 1_500, courseFull: 600 })
  })
})

describe('a strict job', () => {
  test('with a line that fails keeps nothing; without, everything', async () => {
    const courseId = await addCourse(database.db)
    const learners = await addLearners(database.db, 1_100)
    const items = learners.map(({ username }) => ({ username, courseId }))
    const { jobId } = await caller().bulk.start({
      source: { items: [...items, { username: 'nobody', courseId }] },
      failureMode: 'strict',
    })
    const job = await ended(jobId)
    expect(job).toMatchObject({ state: 'failed', counts: { notAttempted: 1_100, learnerNotFound: 1 } })
    expect((await caller().enrollment.search({ courseIds: [courseId], limit: 1 })).items).toEqual([])
    const { jobId: good } = await caller().bulk.start({ source: { items }, failureMode: 'strict' })
    expect(await ended(good)).toMatchObject({ state: 'done', counts: { created: 1_100 } })
  })
})

describe('a row that somebody holds', () => {
  test('delays its own line alone, which is carried out later', async () => {
    const courseId = await addCourse(database.db)
    const learners = await addLearners(database.db, 1_500)
    const items = learners.map(({ username }) => ({
      username,
      courseId,
      mode: 'verified',
      whenEnrolled: 'update' as const,
    }))
    const [held] = items
    await caller().enrollment.enroll({ username: held?.username ?? '', courseId })
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const { promise: isHeld, resolve: tellHeld } = Promise.withResolvers<void>()
    onTestFinished(() => release())
    const holding = database.db.transaction().execute(async (trx) => {
      await sql`select 1 from enrollments e join courses c on c.id = e.course_id
        where c.course_key = ${courseId} for update of e`.execute(trx)
      tellHeld()
      await released
    })
    await isHeld
    const { jobId } = await caller().bulk.start({ source: { items } })
    for await (const { data } of caller().bulk.watch({ jobId })) if (data.done === 1_500) break
    expect((await caller().bulk.get({ jobId })).counts).toEqual({ created: 1_499, unavailable: 1 })
    release()
    await holding
    expect(await ended(jobId)).toMatchObject({ state: 'done', counts: { created: 1_499, modeChanged: 1 } })
  })
})

describe('a job that is cancelled', () => {
  test('ends where it is, and a small one behind a large one ends long before it', async () => {
    const courseId = await addCourse(database.db)
    const names = await addManyLearners(database.db, 60_000)
    // The large one takes seconds on a fast machine too.
    await using _ = await trap(
      database.db,
      'bulk_chunks',
      `if new.done is not null and new.line_count = 1000 then perform pg_sleep(0.1); end if`,
    )
    const csv = ['username,course_id', ...names.map((username) => `${username},${courseId}`)].join('\n')
    const { jobId } = await caller().bulk.start({ source: { csv } })
    for await (const { data } of caller().bulk.watch({ jobId })) if (data.done > 0) break
    const small = names.slice(-10).map((username) => ({ username, courseId }))
    const { jobId: smallId } = await caller().bulk.start({ source: { items: small } })
    await ended(smallId)
    const cancelled = await caller().bulk.cancel({ jobId })
    expect(cancelled).toMatchObject({ state: 'cancelled', endedAt: expect.any(String) })
    expect(cancelled.done).toBeLessThan(60_000)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await caller().bulk.get({ jobId })).toEqual(cancelled)
    expect((await caller().bulk.cancel({ jobId })).state).toBe('cancelled')
  })
})

describe('what is old', () => {
  test('is deleted with its lines, and what is not stays', async () => {
    const { db } = database
    await sweepBulkJobs(db, { now: new Date(), retentionDays: 30 })
    const before = (await caller().bulk.list({})).items.length
    expect(before).toBeGreaterThan(3)
    await sweepBulkJobs(db, { now: new Date(Date.now() + 31 * 86_400_000), retentionDays: 30 })
    expect((await caller().bulk.list({})).items).toEqual([])
    for (const table of ['bulk_chunks', 'bulk_uploads', 'bulk_upload_pieces'] as const) {
      expect(await db.selectFrom(table).selectAll().execute()).toEqual([])
    }
  })
})
