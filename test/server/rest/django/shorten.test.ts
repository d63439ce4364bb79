import { afterAll, beforeAll, expect, test } from 'vitest'
import { shortenError } from '../../../../server/rest/django/shorten.ts'
import { openDoor, type Door } from '../../../support/rest.ts'
import { addLearner } from '../../../support/seed.ts'

let door: Door
beforeAll(async () => void (door = await openDoor()))
afterAll(() => door[Symbol.asyncDispose]())

const LONG = 'x'.repeat(900_000)
const course = { course_details: { course_id: 'course-v1:a+b+c' } }

test.for<[string, object]>([
  ['course id', { course_details: { course_id: LONG } }],
  ['username', { ...course, user: LONG }],
  ['e-mail address', { ...course, email: `${LONG}@example.com` }],
])('a refusal that repeats a long %s stays short', async ([, body]) => {
  const { status, text, json } = await door.server.post(body)
  expect(status).toBeGreaterThanOrEqual(400)
  expect(text.length).toBeLessThan(20_000)
  expect(json.message).toMatch(/x{100}…$/)
})

test('so does one that tells of thousands of rows, in its form', () => {
  const body = {
    enrollments_info: Array.from({ length: 10_000 }, () => ({ course_run_key: ['This field is required.'] })),
  }
  const shorter = JSON.parse(shortenError(body, JSON.stringify))
  expect(shorter.enrollments_info).toHaveLength(100)
  expect(shorter.enrollments_info[0]).toEqual(body.enrollments_info[0])
})

test('what is short stays as it is', () => {
  expect(shortenError({ message: 'x'.repeat(3_000) }, JSON.stringify)).toHaveLength(3_000 + 14)
})

test('a refused POST of a learner leaves a line that says why and names nobody', async () => {
  const bob = await addLearner(door.db, { email: 'bob-of-the-line@example.com' })
  const lines: string[] = []
  const before = door.log.length
  await door.as(bob).post({ ...course, user: 'somebody-else' })
  await door.as(bob).post({ ...course, mode: 'verified' })
  await door.as(bob).post(course)
  lines.push(...door.log.slice(before).filter((line) => line === 'enrollment request refused'))
  expect(lines).toHaveLength(3)
})

test('answers are taken for what they say, and kept by no cache', async () => {
  const bob = await addLearner(door.db)
  for (const answer of [await door.as(bob).get('/enrollment'), await door.anonymous.get('/enrollment')]) {
    expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
  }
  const { headers } = await door.anonymous.get('/course/course-v1:a+b+c')
  expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff' })
  expect(headers).not.toHaveProperty('cache-control')
})
