// slow: a worker carries out jobs
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCaller, enrollmentErrorFrom } from '../../../routers/index.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { startBulkWorker } from '../../../server/background/bulk/worker.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { untilShown } from '../../support/feed.ts'
import { addCourse, addLearners, type SeededLearner } from '../../support/seed.ts'

let database: TestDatabase
let worker: AsyncDisposable

beforeAll(async () => {
  database = await createTestDatabase()
  const { db, connectionString } = database
  const log = { error: console.error, warn: console.warn }
  worker = await startBulkWorker({ db, connectionString, policy: defaultPolicy, log })
})

afterAll(async () => {
  await worker[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

test('a roster as a file is planned, applied as planned, undone, and done again', async () => {
  const { csv, courseId, learners } = await rosterOf(1_200)
  const before = await activeIn(courseId)
  const dry = await run({ source: { csv }, action: 'sync', dryRun: true })
  const counts = { deactivated: 100, created: 100, unchanged: 1_100, duplicateLine: 1, learnerNotFound: 1 }
  expect(dry).toMatchObject({ state: 'done', counts })
  expect(await activeIn(courseId)).toEqual(before)
  const planFingerprint = dry.planFingerprint ?? ''
  const applied = await run({ source: { csv }, action: 'sync', planFingerprint, reason: 'spring' })
  expect(applied).toMatchObject({ state: 'done', counts, planFingerprint })
  expect(await activeIn(courseId)).toEqual(
    learners
      .slice(100)
      .map(({ username }) => username)
      .toSorted(),
  )
  const { items } = await caller().bulk.results({ jobId: applied.jobId, codes: ['deactivated'], limit: 1 })
  expect(items).toMatchObject([{ line: 0, ok: true, outcome: { kind: 'deactivated' } }])

  const undone = await undo({ jobId: applied.jobId })
  expect(undone).toMatchObject({ state: 'done', counts: { deactivated: 100, reactivated: 100 } })
  expect(await activeIn(courseId)).toEqual(before)
  expect(await undo({ jobId: applied.jobId })).toMatchObject({ counts: { changedSince: 200 } })
  expect(await undo({ jobId: undone.jobId })).toMatchObject({ counts: { deactivated: 100, reactivated: 100 } })
})

test('a plan that has changed, and too many removals, end the job before anything is done', async () => {
  const { csv, courseId, learners } = await rosterOf(20)
  const { planFingerprint } = await run({ source: { csv }, action: 'sync', dryRun: true })
  await caller().enrollment.enroll({ username: learners.at(-1)?.username ?? '', courseId })
  const before = await activeIn(courseId)
  const changed = await run({ source: { csv }, action: 'sync', planFingerprint: planFingerprint ?? '' })
  expect(changed).toMatchObject({ state: 'failed', lastError: { code: 'planChanged' }, done: 0 })
  const limited = await run({ source: { csv }, action: 'sync', limits: { maxRemovals: 0 } })
  const details = { courseId, removals: 1, active: 21, limit: 0 }
  expect(limited).toMatchObject({ state: 'failed', lastError: { code: 'tooManyRemovals', details } })
  expect(await activeIn(courseId)).toEqual(before)
})

test('items are a roster too; what failed of it is tried again as it was planned, and removes nobody', async () => {
  const [absent, first, second] = (await addLearners(database.db, 3)) as [SeededLearner, SeededLearner, SeededLearner]
  const courseId = await addCourse(database.db, { max_enrollments: 2 })
  await caller().enrollment.enroll({ username: absent.username, courseId })
  const items = [first, second].map(({ username }) => ({ username, courseId }))
  const items3 = [...items, { email: 'nobody@example.com', courseId }]
  expect(await run({ source: { items: items3 }, action: 'sync' })).toMatchObject({
    counts: { deactivated: 1, created: 2, learnerNotFound: 1 },
  })
  const { items: jobs } = await caller().bulk.list({ limit: 1 })
  const { jobId } = await caller().bulk.retryFailed({ jobId: jobs[0]?.jobId ?? '' })
  expect(await ended(jobId)).toMatchObject({ counts: { learnerNotFound: 1 } })
  expect(await activeIn(courseId)).toEqual([first.username, second.username].toSorted())
})

test('a batch of enrollMany is undone by its id; a dry run of it changes nothing; an unknown one is refused', async () => {
  const learners = await addLearners(database.db, 3)
  const courseId = await addCourse(database.db)
  const items = learners.map(({ username }) => ({ username, courseId }))
  const { batchId } = await caller().enrollment.enrollMany({ items })
  const dry = await undo({ batchId, dryRun: true })
  expect(dry).toMatchObject({ counts: { deactivated: 3 }, dryRun: true })
  expect(await activeIn(courseId)).toHaveLength(3)
  const undone = await undo({ batchId })
  expect(undone).toMatchObject({ counts: { deactivated: 3 }, reason: `undo of ${batchId}` })
  await untilShown(database.db)
  const { events } = await caller().events.list({ batchId: undone.jobId })
  expect(events.map(({ reason, via }) => [reason, via])).toEqual(events.map(() => [`undo of ${batchId}`, 'bulk']))
  for (const unknown of ['no batch', crypto.randomUUID()]) {
    const error: unknown = await caller()
      .bulk.undo({ batchId: unknown })
      .catch((thrown: unknown) => thrown)
    expect(enrollmentErrorFrom(error)).toMatchObject({ code: 'batchNotFound', details: { batchId: unknown } })
  }
})

test('what failed of an undoing is tried again as an undoing', async () => {
  const [one, other] = (await addLearners(database.db, 2)) as [SeededLearner, SeededLearner]
  const courseId = await addCourse(database.db, { max_enrollments: 1 })
  const { enrollment } = caller()
  await enrollment.enroll({ username: one.username, courseId, mode: 'verified' })
  const { batchId } = await enrollment.enrollMany({
    items: [{ username: one.username, courseId, isActive: false, whenEnrolled: 'update' }],
  })
  await enrollment.enroll({ username: other.username, courseId })
  const undone = await undo({ batchId })
  expect(undone).toMatchObject({ counts: { courseFull: 1 } })
  await enrollment.change({ username: other.username, courseId, isActive: false })
  await database.db.updateTable('courses').set({ invitation_only: true }).where('course_key', '=', courseId).execute()
  const { jobId } = await caller().bulk.retryFailed({ jobId: undone.jobId })
  expect(await ended(jobId)).toMatchObject({ counts: { reactivated: 1 } })
})

/** Learners of whom all but the last 100, or the last one of few, are active, and a file that lists all but the first of them. */
async function rosterOf(active: number) {
  const moved = active > 100 ? 100 : 1
  const learners = await addLearners(database.db, active + moved)
  const courseId = await addCourse(database.db)
  const items = learners.slice(0, active).map(({ username }) => ({ username, courseId }))
  await caller().enrollment.enrollMany({ items })
  const listed = learners.slice(moved).map(({ username }) => username)
  const names = [...listed, listed[0], 'nobody-of-this-name']
  return { csv: `user,course_id\n${names.map((name) => `${name},${courseId}`).join('\n')}\n`, courseId, learners }
}

async function activeIn(courseId: string): Promise<string[]> {
  const rows = await database.db
    .selectFrom('enrollments as e')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select('l.username')
    .where('c.course_key', '=', courseId)
    .where('e.is_active', '=', true)
    .execute()
  return rows.map(({ username }) => username).toSorted()
}

function caller() {
  return createCaller({ db: database.db, actor: { kind: 'service', name: 'tests' } })
}

async function run(input: Parameters<ReturnType<typeof caller>['bulk']['start']>[0]) {
  const { jobId } = await caller().bulk.start(input)
  return ended(jobId)
}

async function undo(input: Parameters<ReturnType<typeof caller>['bulk']['undo']>[0]) {
  const { jobId } = await caller().bulk.undo(input)
  return ended(jobId)
}

async function ended(jobId: string) {
  for await (const { data } of caller().bulk.watch({ jobId })) if (data.endedAt !== null) return data
  throw new Error('It never ended')
}
