import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

const TOKEN = { authorization: 'Bearer token-of-enterprise' }

let database: TestDatabase
let server: Awaited<ReturnType<typeof openTestServer>>
beforeAll(async () => {
  database = await createTestDatabase()
  server = await openTestServer(buildTestApp({ db: database.db }))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const put = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = TOKEN, url = server.internal) =>
  fetch(`${url}/bulk/uploads`, { method: 'POST', headers, body })

async function kept(uploadId: string): Promise<Buffer> {
  const rows = await database.db
    .selectFrom('bulk_upload_pieces')
    .select('bytes')
    .where('upload_id', '=', uploadId)
    .orderBy('number')
    .execute()
  return Buffer.concat(rows.map(({ bytes }) => bytes))
}

test.each(['text/csv', 'application/json', 'application/octet-stream', 'application/x-www-form-urlencoded'])(
  'a file is kept as it comes, whatever it says it is: %s',
  async (type) => {
    const answer = await put('username,course_id\r\n{"a', { ...TOKEN, 'content-type': type })
    expect(answer.status).toBe(201)
    const { uploadId } = (await answer.json()) as { uploadId: string }
    expect((await kept(uploadId)).toString()).toBe('username,course_id\r\n{"a')
  },
)

test('one of 40 MB arrives byte for byte, in pieces', async () => {
  const body = Buffer.alloc(40 * 1024 * 1024 + 7)
  for (let at = 0; at < body.length; at += 997) body[at] = at % 251
  const answer = await put(new Uint8Array(body), { ...TOKEN, 'content-type': 'text/csv' })
  const { uploadId } = (await answer.json()) as { uploadId: string }
  expect((await kept(uploadId)).equals(body)).toBe(true)
})

test('without a token nothing is kept, and the public listener has no such route', async () => {
  const before = await database.db.selectFrom('bulk_uploads').select('id').execute()
  expect((await put('x', {})).status).toBe(401)
  expect((await put('x', { authorization: 'Bearer guess' })).status).toBe(401)
  expect((await put('x', TOKEN, server.url)).status).toBe(404)
  expect(await database.db.selectFrom('bulk_uploads').select('id').execute()).toEqual(before)
})

test('a file that breaks off is gone again', async () => {
  const before = await database.db.selectFrom('bulk_uploads').select('id').execute()
  const headers = { ...TOKEN, 'content-type': 'text/csv', 'content-length': '1000000' }
  const sending = request(`${server.internal}/bulk/uploads`, { method: 'POST', headers })
  sending.on('error', () => {})
  sending.write('username')
  const count = () => database.db.selectFrom('bulk_uploads').select('id').execute()
  await eventually(async () => expect(await count()).toHaveLength(before.length + 1))
  sending.destroy()
  await eventually(async () => expect(await count()).toEqual(before))
})
