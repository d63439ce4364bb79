// slow: a worker carries out jobs
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sweepBulkJobs } from '../../../core/bulk/sweep.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { createCaller, enrollmentErrorFrom } from '../../../routers/index.ts'
import { startBulkWorker } from '../../../server/background/bulk/worker.ts'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'

const database = await createTestDatabase()
const { db, connectionString } = database
const { bulk, enrollment } = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
const paid = new Set<string>()
let worker: AsyncDisposable

beforeAll(async () => {
  const funding = [{ name: 'tests', fundedEnrollments: async () => paid }]
  const log = { error: console.error, warn: console.warn }
  worker = await startBulkWorker({ db, connectionString, policy: { ...defaultPolicy, funding }, log })
})
afterAll(async () => {
  await worker[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

describe('an idempotency key', () => {
  test('starts one job, however often it is sent; another input under it is refused', async () => {
    const items = [{ username: 'nobody', courseId: await addCourse(db) }]
    const idempotencyKey = randomUUID()
    const first = await bulk.start({ source: { items }, idempotencyKey })
    const again = await Promise.all([1, 2].map(() => bulk.start({ source: { items }, idempotencyKey })))
    expect(again.map(({ jobId }) => jobId)).toEqual([first.jobId, first.jobId])
    expect(await codeOf(bulk.start({ source: { items }, idempotencyKey, dryRun: true }))).toBe('idempotencyMismatch')
    expect((await bulk.start({ source: { items } })).jobId).not.toBe(first.jobId)
  })
})

describe('an upload', () => {
  test('is used as it was put up; one that nobody knows, that has not arrived or was swept is refused', async () => {
    const courseId = await addCourse(db)
    const { username } = await addLearner(db)
    const text = Buffer.from(`username,course_id\n${username},${courseId}\n`)
    const uploadId = await upload(text, new Date())
    expect(await run({ source: { uploadId } })).toMatchObject({ source: 'upload', counts: { created: 1 } })

    const unfinished = await upload(null, new Date())
    const old = await upload(text, daysAgo(8))
    await sweepBulkJobs(db, { now: new Date(), retentionDays: 30 })
    for (const gone of ['no id', randomUUID(), unfinished, old]) {
      expect(await codeOf(bulk.start({ source: { uploadId: gone } }))).toBe('uploadNotFound')
    }
  })

  test('is kept for a week, and for as long as a job of it; one that never arrives is gone after a day', async () => {
    const text = Buffer.from('username,course_id\n')
    const kept = [await upload(text, daysAgo(6.9)), await upload(null, daysAgo(0.9)), await upload(text, daysAgo(6.9))]
    const gone = [await upload(text, daysAgo(7.1)), await upload(null, daysAgo(1.1))]
    await run({ source: { uploadId: kept[2] ?? '' } })
    await db
      .updateTable('bulk_uploads')
      .set({ created: daysAgo(20).toISOString() })
      .where('id', '=', kept[2] ?? '')
      .execute()
    await sweepBulkJobs(db, { now: new Date(), retentionDays: 30 })
    const { rows } = await sql<{ id: string; pieces: number }>`
      select u.id, (select count(*)::integer from bulk_upload_pieces p where p.upload_id = u.id) as pieces
      from bulk_uploads u where u.id = any(${[...kept, ...gone]}::uuid[])`.execute(db)
    const pieces = new Map(rows.map((row) => [row.id, row.pieces]))
    expect(kept.map((id) => pieces.get(id))).toEqual([1, 0, 1])
    expect(gone.map((id) => pieces.get(id))).toEqual([undefined, undefined])
    expect(await piecesWithoutUpload()).toBe(0)
  })
})

describe('a strict job', () => {
  test('has at most 100 000 lines; one line more, and nothing is done', async () => {
    const courseId = await addCourse(db)
    const { username } = await addLearner(db)
    const csv = `user\n${username}\n${'x\n'.repeat(100_000)}`
    const job = await run({ source: { csv }, courseIds: [courseId], failureMode: 'strict' })
    expect(job).toMatchObject({
      state: 'failed',
      done: 0,
      lastError: { code: 'batchTooLarge', details: { limit: 100_000 } },
    })
    expect(await enrollment.get({ username, courseId })).toBeNull()
  })
})

describe('course runs of a job', () => {
  test('are where learners of a list without a header are enrolled', async () => {
    const courseId = await addCourse(db)
    const { username } = await addLearner(db)
    expect(await run({ source: { csv: `${username}\n` }, courseIds: [courseId] })).toMatchObject({
      counts: { created: 1 },
    })
    expect(await enrollment.get({ username, courseId })).toMatchObject({ isActive: true })
  })

  test('are those that a roster is of, and no others', async () => {
    const [mine, other] = [await addCourse(db), await addCourse(db)]
    const { username } = await addLearner(db)
    for (const courseId of [mine, other]) await enrollment.enroll({ username, courseId })
    const csv = 'username,course_id\n'
    expect(await run({ source: { csv }, action: 'sync', courseIds: [mine] })).toMatchObject({
      counts: { deactivated: 1 },
    })
    expect(await enrollment.get({ username, courseId: other })).toMatchObject({ isActive: true })
  })
})

test('a roster leaves those alone whom somebody else pays for, and says so, unless it may remove them', async () => {
  const courseId = await addCourse(db)
  const { username } = await addLearner(db)
  paid.add((await enrollment.enroll({ username, courseId })).enrollment.id)
  const source = { csv: 'username,course_id\n' }
  const roster = { source, action: 'sync' as const, courseIds: [courseId] }
  const job = await run(roster)
  expect(job).toMatchObject({
    counts: { unchanged: 1 },
    warnings: [expect.stringContaining('1 funded by somebody else')],
  })
  expect(await run({ ...roster, removeFunded: true })).toMatchObject({ counts: { deactivated: 1 } })
})

test('a roster puts learners into the cohorts that it names, also those who are enrolled; an unknown one is planned as a failure', async () => {
  const courseId = await addCourse(db)
  const [fresh = '', active = '', lost = ''] = (await addLearners(db, 3)).map(({ username }) => username)
  await enrollment.enroll({ username: active, courseId })
  await sql`insert into cohorts (course_id, name) select id, 'red' from courses where course_key = ${courseId}`.execute(
    db,
  )
  const rows = [`${fresh},red`, `${active},red`, `${lost},blue`].map((row) => `${courseId},${row}`)
  const source = { csv: ['course_id,username,cohort', ...rows].join('\n') }
  const counts = { created: 1, unchanged: 1, cohortNotFound: 1 }
  const dry = await run({ source, action: 'sync', dryRun: true })
  expect(dry).toMatchObject({ counts })
  expect(await membersOf(courseId)).toEqual([])
  const planFingerprint = dry.planFingerprint ?? ''
  expect(await run({ source, action: 'sync', planFingerprint })).toMatchObject({ state: 'done', counts })
  expect(await membersOf(courseId)).toEqual([fresh, active].toSorted())
})

test('lines that contradict each other are not carried out by trying the failed ones again', async () => {
  const courseId = await addCourse(db)
  const { username } = await addLearner(db)
  const rows = ['username,course_id,mode', `${username},${courseId},audit`, `${username},${courseId},verified`]
  const { jobId } = await run({ source: { csv: rows.join('\n') } })
  const again = await ended((await bulk.retryFailed({ jobId })).jobId)
  expect(again.counts).toEqual({ contradictingLine: 2 })
  const { items } = await bulk.results({ jobId: again.jobId })
  expect(items.map(({ line, error }) => [line, error?.details])).toEqual([
    [2, { line: 3 }],
    [3, { line: 2 }],
  ])
})

async function run(input: Parameters<typeof bulk.start>[0]) {
  return ended((await bulk.start(input)).jobId)
}

async function ended(jobId: string) {
  for await (const { data } of bulk.watch({ jobId })) if (data.endedAt !== null) return data
  throw new Error('It never ended')
}

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => enrollmentErrorFrom(error)?.code,
  )
}

/** @param bytes null: they have not arrived. */
async function upload(bytes: Buffer | null, created: Date): Promise<string> {
  const { id } = await db
    .insertInto('bulk_uploads')
    .values({ actor_name: 'tests', bytes: bytes?.length ?? null, created: created.toISOString() })
    .returning('id')
    .executeTakeFirstOrThrow()
  if (bytes !== null) await db.insertInto('bulk_upload_pieces').values({ upload_id: id, number: 0, bytes }).execute()
  return id
}

function daysAgo(days: number): Date {
  return new Date(Date.now() - days * 86_400_000)
}

async function piecesWithoutUpload(): Promise<number> {
  const { rows } = await sql`select 1 from bulk_upload_pieces p
    where not exists (select from bulk_uploads u where u.id = p.upload_id)`.execute(db)
  return rows.length
}

async function membersOf(courseId: string): Promise<string[]> {
  const { rows } = await sql<{ username: string }>`select l.username from cohort_members m
    join learners l on l.id = m.learner_id join courses c on c.id = m.course_id
    where c.course_key = ${courseId} order by 1`.execute(db)
  return rows.map(({ username }) => username)
}
