// slow: long series of random cases
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { brokenBody, pathPiece, wish } from '../../../support/hostile.ts'
import { KEY, openDoor, signToken, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner } from '../../../support/seed.ts'

let door: Door
let course: string
let credentials: Record<string, string>[]

beforeAll(async () => {
  door = await openDoor()
  course = await addCourse(door.db, { course_key: 'course-v1:a+b+c' })
  const bob = await addLearner(door.db, { username: 'bob' })
  const staff = await addLearner(door.db, { is_staff: true })
  const header = async (username: string) => ({
    authorization: `JWT ${await signToken({ preferred_username: username })}`,
  })
  credentials = [await header(bob.username), await header(staff.username), KEY, { ...KEY, ...(await header('bob')) }]
})
afterAll(() => door[Symbol.asyncDispose]())

const RUNS = 1_500

const body = fc.oneof(
  { weight: 6, arbitrary: wish.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: brokenBody },
)

test('POST: whatever is sent, the answer is a documented one', async () => {
  const type = fc.oneof(
    { weight: 8, arbitrary: fc.constant('application/json') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=b',
        'text/plain',
        '',
      ),
    },
  )
  await fc.assert(
    fc.asyncProperty(fc.nat(3), type, body, async (who, contentType, payload) => {
      const client = door.with(credentials[who] ?? {})
      const answer = await client.send('POST', '/enrollment', {
        headers: { 'content-type': contentType },
        body: payload,
      })
      expect([200, 400, 403, 404, 406, 413, 415]).toContain(answer.status)
      expectShape(answer)
    }),
    { numRuns: RUNS },
  )
})

test('any path, query, header and method: never a failure of ours', async () => {
  const method = fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'POST')
  const header = fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom('JWT a.b.c', 'Bearer', '*/*', 'a/b;c="d', ','))
  await fc.assert(
    fc.asyncProperty(
      method,
      fc.array(pathPiece, { maxLength: 12 }),
      header,
      fc.nat(4),
      async (verb, pieces, text, who) => {
        const value = text.replaceAll(/[^\t\u0020-\u007E]/g, '')
        const name = ['authorization', 'accept', 'content-type', 'x-edx-api-key', 'use-jwt-cookie'][who] ?? 'accept'
        const client = door.with({ ...credentials[who % 4], [name]: value })
        const answer = await client.send(
          verb,
          `/enrollment/${pieces.join('')}`.replace('/enrollment/enrollment', '/enrollment'),
        )
        expect(answer.status).toBeLessThan(500)
        expectShape(answer)
      },
    ),
    { numRuns: RUNS },
  )
})

test('afterwards everything is as it should be', async () => {
  expect((await door.anonymous.get(`/course/${course}`)).status).toBe(200)
  expect(door.log.filter((line) => line === 'request failed')).toEqual([])
})

function expectShape({ text, headers, status }: { text: string; headers: object; status: number }): void {
  expect(text).not.toMatch(/select |insert |node_modules|at \w+ \(/i)
  const isEmpty = text === '' && status !== 200
  if (isEmpty) expect([404, 401, 405, 400, 406]).toContain(status)
  if (text !== '') expect(headers).toHaveProperty('content-type', 'application/json')
}
