import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../../../core/database/open.ts'
import { signToken } from '../../../support/rest.ts'
import { buildTestApp } from '../../../support/server.ts'

const db = openDatabase({ connectionString: 'postgresql://secret@127.0.0.1:1/hidden' })
const app = buildTestApp({ db })
let authorization: string

beforeAll(async () => void (authorization = `JWT ${await signToken({ preferred_username: 'bob' })}`))
afterAll(async () => {
  await app.close()
  await db.destroy()
})

test.for([
  ['GET', '/enrollment'],
  ['POST', '/enrollment'],
  ['GET', '/enrollment/course-v1:a+b+c'],
  ['GET', '/enrollment/bob,course-v1:a+b+c'],
  ['GET', '/course/course-v1:a+b+c'],
] as const)(
  '%s %s says that it may be asked again, and tells nothing of where the database is',
  async ([method, path]) => {
    for (const headers of [{ authorization }, { 'x-edx-api-key': 'api-key' }]) {
      const url = `/api/enrollment/v1${path}`
      const answer = await app.inject({ method, url, headers, ...(method === 'POST' && { payload: POST }) })
      expect(answer.statusCode).toBe(503)
      expect(answer.headers).toMatchObject({ 'retry-after': '1', 'content-type': 'application/json' })
      expect(answer.body).toBe('{"detail":"Service temporarily unavailable, try again later."}')
    }
  },
)

test('what needs no database is answered all the same', async () => {
  const answer = await app.inject({ method: 'GET', url: '/api/enrollment/v1/enrollment' })
  expect(answer.statusCode).toBe(401)
})

const POST = { user: 'alice', course_details: { course_id: 'course-v1:a+b+c' } }
