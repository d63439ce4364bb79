import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
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

const odd = fc.oneof(
  fc.constantFrom('\0', '\uD800', '__proto__', 'constructor', 'x'.repeat(5_000), '😀', "'; drop table learners --"),
  fc.string({ unit: 'binary', maxLength: 20 }),
)
const json = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<unknown>(null, true, false, '', 'bob', 'audit', 'verified', 0, 1.5, 1e300) },
  { weight: 1, arbitrary: odd },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
)
const attribute = fc.record({ namespace: json, name: json, value: json, more: json }, { requiredKeys: [] })
const details = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<unknown>({ course_id: 'course-v1:a+b+c' }, { course_id: 'a/b/c' }) },
  { weight: 1, arbitrary: fc.record({ course_id: json }, { requiredKeys: [] }) },
  { weight: 1, arbitrary: json },
)
const wish = fc.record(
  {
    course_details: details,
    user: fc.oneof(fc.constant('bob'), json),
    email: json,
    mode: json,
    is_active: fc.oneof(fc.boolean(), json),
    force_enrollment: fc.oneof(fc.boolean(), json),
    enrollment_attributes: fc.oneof(fc.array(attribute, { maxLength: 3 }), json),
    cohort: json,
    email_opt_in: json,
    enterprise_uuid: json,
  },
  { requiredKeys: [] },
)
const body = fc.oneof(
  { weight: 6, arbitrary: wish.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.json() },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '{', '['.repeat(50_000), '"\\ud800"', '{"user":1e999}', `[${'9'.repeat(5_000)}]`),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
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
  const piece = fc.oneof(
    fc.constantFrom(
      'enrollment',
      'course',
      'bob',
      ',',
      '/',
      '+',
      '%2F',
      '%2C',
      '%',
      '%zz',
      '%00',
      '%FF',
      '%ED%A0%80',
      '?',
      '&',
    ),
    fc.constantFrom(
      'user=',
      'include_expired=',
      'course-v1:a+b+c',
      'a/b/c',
      'é',
      '😀',
      ' ',
      '..',
      ';',
      '%0A',
      '%C3%A9',
    ),
    fc.string({ maxLength: 10 }).map(encodeURIComponent),
  )
  const method = fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'POST')
  const header = fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom('JWT a.b.c', 'Bearer', '*/*', 'a/b;c="d', ','))
  await fc.assert(
    fc.asyncProperty(method, fc.array(piece, { maxLength: 12 }), header, fc.nat(4), async (verb, pieces, text, who) => {
      const value = text.replaceAll(/[^\t\u0020-\u007E]/g, '')
      const name = ['authorization', 'accept', 'content-type', 'x-edx-api-key', 'use-jwt-cookie'][who] ?? 'accept'
      const client = door.with({ ...credentials[who % 4], [name]: value })
      const answer = await client.send(
        verb,
        `/enrollment/${pieces.join('')}`.replace('/enrollment/enrollment', '/enrollment'),
      )
      expect(answer.status).toBeLessThan(500)
      expectShape(answer)
    }),
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
