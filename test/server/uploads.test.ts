// slow: a large file goes over a socket into PostgreSQL
import { internalCallers } from '../../server/internal-caller.ts'
import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { fastify } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PrivateRequest } from '../../server/listeners.ts'
import { uploads as uploadsRoute } from '../../server/uploads.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { buildTestApp, openTestServer, secrets } from '../support/server.ts'

const database = await createTestDatabase()
const { db } = database
const app = buildTestApp({ db })
let server: Awaited<ReturnType<typeof openTestServer>>
beforeAll(async () => {
  // Shortened so that a test can wait for its end.
  Object.assign(app.server, { requestTimeout: 400, headersTimeout: 400, connectionsCheckingInterval: 50 })
  server = await openTestServer(app)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const authorization = 'Bearer token-of-enterprise'
const uploads = () => new URL('/bulk/uploads', server.internal)

const post = (body: RequestInit['body'], headers: Record<string, string> = { authorization }) =>
  fetch(uploads(), { method: 'POST', body, headers, duplex: 'half' } as RequestInit)

const rowsOf = () => db.selectFrom('bulk_uploads').select(['id', 'bytes', 'actor_name']).execute()
const piecesOf = (id: string) =>
  db
    .selectFrom('bulk_upload_pieces')
    .select(['number', 'bytes'])
    .where('upload_id', '=', id)
    .orderBy('number')
    .execute()
const idOf = async (answer: Response) => ((await answer.json()) as { uploadId: string }).uploadId

test.each([0, 1, 1_048_576, 1_048_577, 40 * 1_048_576])('a file of %i bytes is kept as it is', async (length) => {
  const file = randomBytes(length)
  const answer = await post(file)
  expect(answer.status).toBe(201)
  const uploadId = await idOf(answer)
  const pieces = await piecesOf(uploadId)
  expect(pieces.map(({ number }) => number)).toEqual(Array.from({ length: Math.ceil(length / 1_048_576) }, (_, i) => i))
  const kept = createHash('sha256').update(Buffer.concat(pieces.map(({ bytes }) => bytes)))
  expect(kept.digest('hex')).toBe(createHash('sha256').update(file).digest('hex'))
  expect(await rowsOf()).toContainEqual({
    id: uploadId,
    bytes: expect.toSatisfy((bytes) => Number(bytes) === length),
    actor_name: 'enterprise',
  })
})

test.each(['text/csv', 'application/json', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded'])(
  'whatever the content type says, as %s, the body is the file',
  async (type) => {
    const answer = await post('{"a', { authorization, 'content-type': type })
    expect(answer.status).toBe(201)
    expect(await piecesOf(await idOf(answer))).toEqual([{ number: 0, bytes: Buffer.from('{"a') }])
  },
)

test('without a token nothing is read; on the public listener it is not there', async () => {
  const before = await rowsOf()
  expect((await post('x', {})).status).toBe(401)
  expect((await post('x', { authorization: 'Bearer other' })).status).toBe(401)
  expect(
    (await fetch(new URL('/bulk/uploads', server.url), { method: 'POST', body: 'x', headers: { authorization } }))
      .status,
  ).toBe(404)
  expect(await rowsOf()).toEqual(before)
})

test('what is compressed is refused, not kept', async () => {
  const answer = await app.inject({
    method: 'POST',
    url: '/bulk/uploads',
    payload: 'x',
    headers: { authorization, 'content-encoding': 'gzip' },
    Request: PrivateRequest,
  } as never)
  expect(answer.statusCode).toBe(415)
})

test('an upload that is cut off leaves nothing', async () => {
  const before = await rowsOf()
  const request = httpRequest(uploads(), { method: 'POST', headers: { authorization, 'content-length': 10_000_000 } })
  request.on('error', () => {})
  request.write(Buffer.alloc(3_000_000))
  await eventually(async () => expect(await rowsOf()).toHaveLength(before.length + 1))
  request.destroy()
  await eventually(async () => expect(await rowsOf()).toEqual(before))
  const left = await db
    .selectFrom('bulk_upload_pieces')
    .select('upload_id')
    .where(
      'upload_id',
      'not in',
      before.map(({ id }) => id),
    )
    .execute()
  expect(left).toEqual([])
})

test('a file may come for longer than other requests have, as long as bytes come; it holds no connection of the database', async () => {
  const body = async function* () {
    for (let i = 0; i < 12; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      yield Buffer.from(`line ${i}\n`)
    }
  }
  const many = await Promise.all(Array.from({ length: 20 }, () => post(ReadableStream.from(body()))))
  expect(many.map(({ status }) => status)).toEqual(many.map(() => 201))
})

test('a client that stays silent is answered 408, and leaves nothing', async () => {
  const before = await rowsOf()
  const impatient = fastify()
  const callers = internalCallers({ ...secrets, wrongCredentials: async () => {} })
  impatient.register(uploadsRoute, { db, callers, idleMs: 100, countRefusal: () => {} })
  const url = await impatient.listen({ host: '127.0.0.1', port: 0 })
  const request = httpRequest(`${url}/bulk/uploads`, {
    method: 'POST',
    headers: { authorization, 'content-length': 10_000_000 },
  })
  const status = new Promise((resolve) => request.on('response', (answer) => resolve(answer.resume().statusCode)))
  request.on('error', () => {})
  request.write(Buffer.alloc(3_000_000))
  expect(await status).toBe(408)
  expect(await rowsOf()).toEqual(before)
  request.destroy()
  await impatient.close()
})

test('negative control: another request has no longer than that', async () => {
  const socket = httpRequest(new URL('/trpc/enrollment.enroll', server.internal), {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', 'content-length': 1000 },
  })
  const status = new Promise((resolve) =>
    socket.on('response', ({ statusCode }) => resolve(statusCode)).on('error', () => {}),
  )
  socket.write('{')
  expect(await status).toBe(408)
})

test('results of a job are a file; of one that is not there 404, without a token 401', async () => {
  const job = { phase: 'running', state: 'running', action: 'enroll', source: 'items', failure_mode: 'bestEffort' }
  const now = new Date().toISOString()
  const actor = { actor_kind: 'service', actor_name: 'a', created: now, started: now, is_dry_run: false }
  const header = JSON.stringify(['username', 'course_id'])
  const { id } = await db
    .insertInto('bulk_jobs')
    .values({ ...job, ...actor, header })
    .returning('id')
    .executeTakeFirstOrThrow()
  const failed = { code: 'courseNotFound', message: 'None, "x".', details: { courseId: 'x' } }
  const done = [0, '1', 1, '1', 'bob', 'x', 'audit', 1, now, now, '1']
  const chunk = {
    lines: '[[2,null],[3,null]]',
    cells: '[["=al","x"],["bob","x"]]',
    results: JSON.stringify([failed, done]),
  }
  const counts = JSON.stringify({ created: 1, courseNotFound: 1 })
  await db
    .insertInto('bulk_chunks')
    .values({ job_id: id, number: 0, line_count: 2, ...chunk, counts, failed: 1, done: now })
    .execute()
  const get = (path: string, headers = { authorization }) =>
    fetch(new URL(`/bulk/jobs/${path}`, server.internal), { headers })
  const first = `username,course_id,outcome,code,message\n'=al,x,,courseNotFound,"None, ""x""."\n`
  expect(await (await get(`${id}/results.csv`)).text()).toBe(`${first}bob,x,created,,\n`)
  expect(await (await get(`${id}/results.csv?onlyFailed=true`)).text()).toBe(first)
  expect((await get('nothing/results.csv')).status).toBe(404)
  expect((await get(`${id}/results.csv`, { authorization: 'Bearer x' })).status).toBe(401)
})
