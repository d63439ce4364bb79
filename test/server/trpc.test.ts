import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createTRPCClient, httpBatchStreamLink, httpLink, TRPCClientError } from '@trpc/client'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createClient, type Client, type ClientOptions } from '../../routers/client.ts'
import type { AppRouter } from '../../routers/index.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

const TOKEN = 'token-of-enterprise'
const COURSE = 'course-v1:edX+DemoX+2026'
const NOW = '2026-03-04T05:06:07.890Z'

let database: TestDatabase
let server: Awaited<ReturnType<typeof openTestServer>>
let overSocket: Awaited<ReturnType<typeof openTestServer>>

beforeAll(async () => {
  database = await createTestDatabase()
  await addCourseAndLearners(database)
  const app = () => buildTestApp({ db: database.db, now: () => new Date(NOW), env: { DEFAULT_MODE: 'honor' } })
  const socketPath = join(await mkdtemp(join(inject('scratch'), 't-')), 'socket')
  server = await openTestServer(app())
  overSocket = await openTestServer(app(), { privateAddress: { socketPath } })
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await overSocket[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const ways: [string, () => ClientOptions][] = [
  ['TCP', () => ({ url: server.internal, token: TOKEN })],
  ['a Unix socket', () => ({ socketPath: overSocket.internal, token: TOKEN })],
]

describe.each(ways)('over %s', (_name, at) => {
  test('a call works, and its trail names the token, the API and the request', async () => {
    await using client = createClient(at())
    const learner = await freshLearner()
    const outcome = await client.enrollment.enroll.mutate({ username: learner, courseId: COURSE })
    expect(outcome).toMatchObject({ kind: 'created', enrollment: { username: learner, mode: 'honor', isActive: true } })
    expect(outcome.enrollment.created).toMatch(/^2026-03-04T05:06:07\.890/)
    const [event] = await client.enrollment.history.query({ username: learner, courseId: COURSE })
    expect(event).toMatchObject({ actor: { kind: 'service', name: 'enterprise' }, via: 'rpc' })
    expect(event?.requestId).toMatch(/^[\da-f-]{36}$/)
  })

  test('an error of the domain arrives with its reason and details, and nothing else', async () => {
    await using client = createClient(at())
    const error = await errorOf(client.enrollment.enroll.mutate({ username: 'nobody', courseId: COURSE }))
    expect(error.data).toEqual({
      code: 'NOT_FOUND',
      httpStatus: 404,
      path: 'enrollment.enroll',
      reason: 'learnerNotFound',
      details: { username: 'nobody' },
    })
  })

  test('a batch with an idempotency key is written once, and answered the same again', async () => {
    await using client = createClient(at())
    const items = [await freshLearner(), await freshLearner(), 'nobody'].map((username) => ({
      username,
      courseId: COURSE,
    }))
    const idempotencyKey = `of ${items[0]?.username}`
    const first = await client.enrollment.enrollMany.mutate({ items, idempotencyKey })
    expect(first).toMatchObject({ status: 'applied', counts: { created: 2, learnerNotFound: 1 } })
    const again = await client.enrollment.enrollMany.mutate({ items, idempotencyKey })
    expect(JSON.stringify(again)).toBe(JSON.stringify({ ...first, status: 'replayed' }))
    const error = await errorOf(client.enrollment.enrollMany.mutate({ items: items.slice(1), idempotencyKey }))
    expect(error.data).toMatchObject({
      code: 'CONFLICT',
      httpStatus: 409,
      reason: 'idempotencyMismatch',
      details: { key: idempotencyKey },
    })
  })

  test.for(['wrong', `${TOKEN}x`, ` ${TOKEN}`.repeat(2)])('the token %o is refused', async (token) => {
    await using client = createClient({ ...at(), token })
    const error = await errorOf(client.enrollment.get.query({ username: 'alice', courseId: COURSE }))
    expect(error.data).toEqual({ code: 'UNAUTHORIZED', httpStatus: 401 })
  })

  test('each call of a batch stands or falls alone', async () => {
    await using client = createClient(at())
    const learner = await freshLearner()
    const [good, bad] = await Promise.allSettled([
      client.enrollment.enroll.mutate({ username: learner, courseId: COURSE }),
      client.enrollment.enroll.mutate({ username: 'nobody', courseId: COURSE }),
    ])
    expect([good.status, bad.status]).toEqual(['fulfilled', 'rejected'])
  })
})

describe('authorization', () => {
  test.for([undefined, '', 'Bearer', 'Bearer ', `Basic ${TOKEN}`, TOKEN])('%o is not enough', async (authorization) => {
    const headers = authorization === undefined ? {} : { authorization }
    const response = await fetch(`${server.internal}/trpc/enrollment.get`, { headers })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    expect(await response.json()).toEqual({
      error: {
        code: -32_001,
        message: 'A token of INTERNAL_TOKENS is required.',
        data: { code: 'UNAUTHORIZED', httpStatus: 401 },
      },
    })
  })

  test('is refused before the body is read', async () => {
    const { hostname, port } = new URL(server.internal)
    const socket = connect(Number(port), hostname)
    socket.write('POST /trpc/enrollment.enroll HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n')
    socket.write('content-length: 1000000\r\n\r\n{') // The rest of the body never comes.
    const [first] = await once(socket, 'data')
    expect(String(first)).toMatch(/^HTTP\/1\.1 401 /)
    socket.destroy()
  })

  const links = {
    httpLink: httpLink<AppRouter>,
    httpBatchStreamLink: httpBatchStreamLink<AppRouter>,
  }

  test.each(Object.entries(links))('a client with %s sees UNAUTHORIZED', async (_name, link) => {
    const client = createTRPCClient<AppRouter>({ links: [link({ url: `${server.internal}/trpc` })] })
    const error = await errorOf(client.enrollment.get.query({ username: 'alice', courseId: COURSE }))
    expect(error.data).toMatchObject({ code: 'UNAUTHORIZED' })
  })
})

describe('sizes', () => {
  test('a body of 15 MB is read', async () => {
    await using client = createClient({ url: server.internal, token: TOKEN })
    const error = await errorOf(enrollWithReason(client, 15))
    expect(error.data).toMatchObject({ code: 'BAD_REQUEST', path: 'enrollment.enroll' })
  })

  test.for([17, 60])('one of %i MB is too large', async (megabytes) => {
    await using client = createClient({ url: server.internal, token: TOKEN })
    const error = await errorOf(enrollWithReason(client, megabytes))
    expect(error.data).toEqual({ code: 'PAYLOAD_TOO_LARGE', httpStatus: 413 })
  })

  test('one that does not tell its size is too large all the same', async () => {
    const chunk = new Uint8Array(1024 * 1024)
    const body = ReadableStream.from(Array.from({ length: 40 }, () => chunk))
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` }
    const init = { method: 'POST', headers, body, duplex: 'half' } as const
    const response = await fetch(`${server.internal}/trpc/enrollment.enroll`, init)
    expect(response.status).toBe(413)
  })

  test('a batch of 100 calls is answered', async () => {
    const answers = await batchOf(100)
    expect(answers.status).toBe(200)
    expect(await answers.json()).toEqual(Array.from({ length: 100 }, () => ({ result: { data: null } })))
  })

  test('one of 101 is a clear bad request', async () => {
    const answer = await batchOf(101)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({
      error: { message: 'Batch call exceeds maximum size', data: { code: 'BAD_REQUEST' } },
    })
  })
})

describe('what is no call', () => {
  test.for<[string, Omit<RequestInit, 'headers'> & { headers?: Record<string, string> }, number]>([
    ['enrollment.nothing', {}, 404],
    ['enrollment.enroll', {}, 405],
    ['enrollment.enroll', { method: 'POST', body: '{"user', headers: { 'content-type': 'application/json' } }, 400],
    ['enrollment.enroll', { method: 'POST', body: 'x', headers: { 'content-type': 'application/xml' } }, 415],
    ['enrollment.enroll', { method: 'DELETE' }, 415],
  ])('%s %o is answered in the shape of tRPC', async ([path, init, status]) => {
    const headers = { ...init.headers, authorization: `Bearer ${TOKEN}` }
    const response = await fetch(`${server.internal}/trpc/${path}`, { ...init, headers })
    expect(response.status).toBe(status)
    const body = await response.text()
    expect(JSON.parse(body)).toMatchObject({ error: { data: { httpStatus: status } } })
    expect(body).not.toMatch(/stack|\.ts:|node_modules/)
  })
})

function enrollWithReason(client: Client, megabytes: number) {
  const reason = 'r'.repeat(megabytes * 1024 * 1024)
  return client.enrollment.enroll.mutate({ username: 'alice', courseId: COURSE, reason })
}

function batchOf(count: number): Promise<Response> {
  const paths = Array.from({ length: count }, () => 'enrollment.get').join(',')
  const inputs = Object.fromEntries(
    Array.from({ length: count }, (_, i) => [i, { username: 'alice', courseId: COURSE }]),
  )
  return fetch(`${server.internal}/trpc/${paths}?batch=1`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(inputs),
  })
}

async function errorOf(call: Promise<unknown>): Promise<TRPCClientError<AppRouter>> {
  const error = await call.then(
    () => new Error('The call was answered'),
    (caught: unknown) => caught,
  )
  if (error instanceof TRPCClientError) return error
  throw error
}

let learners = 0

async function freshLearner(): Promise<string> {
  learners += 1
  const username = `learner-${learners}`
  await database.db.insertInto('learners').values({ username }).execute()
  return username
}

async function addCourseAndLearners({ db }: TestDatabase): Promise<void> {
  await db.insertInto('learners').values({ username: 'alice' }).execute()
  const course = await db
    .insertInto('courses')
    .values({ course_key: COURSE, org: 'edX' })
    .returning('id')
    .executeTakeFirstOrThrow()
  const modes = ['audit', 'honor'].map((slug) => ({ course_id: course.id, slug, name: slug }))
  await db.insertInto('course_modes').values(modes).execute()
}
