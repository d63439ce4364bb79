// slow: a server carries out jobs
import type { TRPCClientError } from '@trpc/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BulkJob } from '../../core/bulk/job.ts'
import { defaultPolicy } from '../../core/policy.ts'
import { createClient, type Client } from '../../routers/client.ts'
import type { AppRouter } from '../../routers/index.ts'
import { startBulkWorker } from '../../server/background/bulk/worker.ts'
import { createTestDatabase } from '../support/database.ts'
import { untilShown } from '../support/feed.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

const TOKEN = 'token-of-enterprise'
const database = await createTestDatabase()
const { db, connectionString } = database
let server: Awaited<ReturnType<typeof openTestServer>>
let worker: AsyncDisposable
let client: Client

beforeAll(async () => {
  const log = { error: console.error, warn: console.warn }
  server = await openTestServer(buildTestApp({ db }))
  worker = await startBulkWorker({ db, connectionString, policy: defaultPolicy, log })
  client = createClient({ url: server.internal, token: TOKEN })
})
afterAll(async () => {
  await client.close()
  await worker[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

test('a file is put up, planned, started, followed, read, corrected and undone over HTTP; the trail names the token', async () => {
  const courseId = await addCourse(db)
  const learners = await addLearners(db, 2_500)
  const rows = [...learners.map(({ username }) => username), 'nobody'].map((name) => `${name},${courseId}`)
  const uploadId = await putUp(`username,course_id\n${rows.join('\n')}\n`)
  const planned = await client.bulk.start.mutate({ source: { uploadId }, dryRun: true })
  const counts = { created: 2_500, learnerNotFound: 1 }
  expect((await followed(planned.jobId)).at(-1)).toMatchObject({ state: 'done', dryRun: true, counts })

  const { jobId, state } = await client.bulk.start.mutate({ source: { uploadId }, name: 'spring', reason: 'new term' })
  expect(state).toBe('queued')
  const seen = await followed(jobId)
  expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).toSorted((a, b) => a - b))
  const job = seen.at(-1)
  expect(job).toMatchObject({ state: 'done', name: 'spring', total: 2_501, done: 2_501, counts })
  expect(job?.actor).toEqual({ kind: 'service', name: 'enterprise' })
  expect(await client.bulk.get.query({ jobId })).toEqual(job)
  const { items } = await client.bulk.list.query({ state: 'done', limit: 1 })
  expect(items).toEqual([job])
  const failed = await client.bulk.results.query({ jobId, onlyFailed: true })
  const input = { username: 'nobody', course_id: courseId }
  expect(failed.items).toMatchObject([{ line: 2_502, ok: false, input, error: { code: 'learnerNotFound' } }])
  await untilShown(db)
  const { events } = await client.events.list.query({ batchId: jobId, limit: 1 })
  expect(events).toMatchObject([
    { via: 'bulk', reason: 'new term', actor: { kind: 'service', name: 'enterprise' }, batchId: jobId },
  ])

  const retried = await client.bulk.retryFailed.mutate({ jobId })
  expect((await followed(retried.jobId)).at(-1)).toMatchObject({ parentJobId: jobId, counts: { learnerNotFound: 1 } })
  const undone = await client.bulk.undo.mutate({ jobId })
  expect((await followed(undone.jobId)).at(-1)).toMatchObject({ state: 'done', counts: { deactivated: 2_500 } })
  expect((await client.bulk.cancel.mutate({ jobId })).state).toBe('done')
})

test('who watches begins with the job as it is; of one that has ended that is all', async () => {
  const courseId = await addCourse(db)
  const { jobId } = await client.bulk.start.mutate({ source: { items: [{ username: 'nobody', courseId }] } })
  const first = await followed(jobId)
  expect(first.at(-1)?.state).toBe('done')
  const [again, ...more] = await followed(jobId)
  expect([again, more]).toEqual([first.at(-1), []])
})

test('what is refused is told with its code, and never as an error of the server', async () => {
  const unknown = crypto.randomUUID()
  const { bulk } = client
  for (const jobId of [unknown, 'no id', '’; drop']) {
    const refused = { data: { code: 'NOT_FOUND', reason: 'jobNotFound', details: { jobId } } }
    for (const call of [
      bulk.get.query,
      bulk.results.query,
      bulk.cancel.mutate,
      bulk.retryFailed.mutate,
      bulk.undo.mutate,
    ]) {
      expect(await errorOf(call({ jobId }))).toMatchObject(refused)
    }
    expect(await errorOf(followed(jobId))).toMatchObject(refused)
  }
  const source = { uploadId: unknown }
  expect(await errorOf(bulk.start.mutate({ source }))).toMatchObject({ data: { reason: 'uploadNotFound' } })
  expect(await errorOf(bulk.undo.mutate({ batchId: unknown }))).toMatchObject({ data: { reason: 'batchNotFound' } })
  for (const input of [
    {},
    { source: {} },
    { source: { csv: 'x', uploadId: 'y' } },
    { source: { items: [] } },
    { source: { csv: 'x' }, limits: { maxRemovals: '11.5%' } },
  ]) {
    expect(await errorOf(bulk.start.mutate(input as never))).toMatchObject({ data: { code: 'BAD_REQUEST' } })
  }
  for (const cursor of ['x', '-1', '99999999999999999999']) {
    expect(await errorOf(bulk.list.query({ cursor }))).toMatchObject({ data: { code: 'BAD_REQUEST' } })
    expect(await errorOf(bulk.results.query({ jobId: unknown, cursor }))).toMatchObject({
      data: { code: 'BAD_REQUEST' },
    })
  }
})

test('a job that has not ended is neither undone nor tried again; any caller with a token may cancel it', async () => {
  await worker[Symbol.asyncDispose]()
  const courseId = await addCourse(db)
  const { jobId } = await client.bulk.start.mutate({ source: { items: [{ username: 'nobody', courseId }] } })
  const refused = { data: { code: 'CONFLICT', reason: 'jobNotEnded', details: { jobId, state: 'queued' } } }
  expect(await errorOf(client.bulk.undo.mutate({ jobId }))).toMatchObject(refused)
  expect(await errorOf(client.bulk.retryFailed.mutate({ jobId }))).toMatchObject(refused)
  expect(await client.bulk.cancel.mutate({ jobId })).toMatchObject({ state: 'cancelled', done: 0 })
  const log = { error: console.error, warn: console.warn }
  worker = await startBulkWorker({ db, connectionString, policy: defaultPolicy, log })
})

test('without a token nothing of it is reached, and the public listener has none of it', async () => {
  const source = { csv: 'username,course_id\n' }
  const [{ jobId } = { jobId: '' }] = (await client.bulk.list.query({ limit: 1 })).items
  const before = (await client.bulk.list.query({})).items
  await using stranger = createClient({ url: server.internal, token: 'other' })
  const { bulk } = stranger
  const calls = [
    () => bulk.start.mutate({ source }),
    () => bulk.get.query({ jobId }),
    () => bulk.list.query({}),
    () => bulk.results.query({ jobId }),
    () => bulk.cancel.mutate({ jobId }),
    () => bulk.retryFailed.mutate({ jobId }),
    () => bulk.undo.mutate({ jobId }),
    () => Array.fromAsync(bulk.watch({ jobId })),
  ]
  for (const call of calls) expect(await errorOf(call())).toMatchObject({ data: { code: 'UNAUTHORIZED' } })
  const headers = { authorization: `Bearer ${TOKEN}` }
  expect((await fetch(`${server.url}/trpc/bulk.list`, { headers })).status).toBe(404)
  expect((await client.bulk.list.query({})).items).toEqual(before)
})

async function putUp(body: string): Promise<string> {
  const headers = { authorization: `Bearer ${TOKEN}` }
  const answer = await fetch(`${server.internal}/bulk/uploads`, { method: 'POST', headers, body })
  expect(answer.status).toBe(201)
  return ((await answer.json()) as { uploadId: string }).uploadId
}

async function followed(jobId: string): Promise<BulkJob[]> {
  const seen: BulkJob[] = []
  for await (const { data } of client.bulk.watch({ jobId })) seen.push(data)
  return seen
}

async function errorOf(call: Promise<unknown>): Promise<TRPCClientError<AppRouter> | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => error as TRPCClientError<AppRouter>,
  )
}
