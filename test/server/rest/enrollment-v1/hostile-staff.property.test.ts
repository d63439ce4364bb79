// slow: long series of random cases
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { likelyFields, formOf, odd, rawQueryOf, staffFields, staffText } from '../../../support/hostile.ts'
import { BULK_ENROLL, openDoor, type Answered, type Door, type RestClient } from '../../../support/rest.ts'
import { addCourse, addLearner } from '../../../support/seed.ts'
import { addCohort } from '../../../support/world.ts'

let door: Door
let master: RestClient

beforeAll(async () => {
  door = await openDoor()
  // With the API key nobody is throttled.
  master = door.serverAs(await addLearner(door.db, { is_staff: true, is_superuser: true }))
  const course = await addCourse(door.db, { course_key: 'course-v1:a+b+c' })
  await addCohort(door.db, course, 'red')
  const bob = await addLearner(door.db, { username: 'bob', email: 'bob@example.com' })
  await door.db
    .insertInto('retirements')
    .values({ learner_id: bob.id, original_username: 'bob', state: 'PENDING' })
    .execute()
})
afterAll(() => door[Symbol.asyncDispose]())

const RUNS = 300

const body = fc.oneof(
  { weight: 5, arbitrary: staffFields.map((one) => ['application/json', JSON.stringify(one)] as const) },
  { weight: 3, arbitrary: likelyFields.map((one) => ['application/json', JSON.stringify(one)] as const) },
  { weight: 2, arbitrary: staffFields.map((one) => ['application/x-www-form-urlencoded', formOf(one)] as const) },
  { weight: 1, arbitrary: fc.json().map((one) => ['application/json', one] as const) },
  { weight: 1, arbitrary: odd.map((one) => ['multipart/form-data; boundary=b', one] as const) },
)

/** What `bulk_enroll` takes: chance alone does not always find it. */
const GOOD = JSON.stringify({ action: 'enroll', identifiers: 'bob', courses: 'course-v1:a+b+c' })

test.for([
  ['POST', '/unenroll/', [200, 204, 400, 404]],
  ['POST', '/enrollment_allowed/', [201, 400, 409]],
  ['DELETE', '/enrollment_allowed/', [204, 400, 404]],
  ['POST', BULK_ENROLL, [200, 400, 404]],
] as const)('%s %s: whatever is sent, the answer is a documented one', async ([method, path, statuses]) => {
  const seen = new Set<number>()
  await fc.assert(
    fc.asyncProperty(body, async ([type, payload]) => {
      const answer = await master.send(method, path, { headers: { 'content-type': type }, body: payload })
      expect(statuses).toContain(answer.status)
      expectShape(answer)
      seen.add(answer.status)
    }),
    { numRuns: RUNS, examples: [[['application/json', GOOD]]] },
  )
  // Else everything would have been refused at the first check.
  expect(seen.size).toBeGreaterThan(1)
})

test.for([
  ['/enrollments', ['username', 'email', 'course_id', 'course_ids', 'cursor', 'page'], [200, 400, 404]],
  ['/roles/', ['course_id'], [200, 400]],
  ['/enrollment_allowed/', ['email'], [200, 400]],
] as const)('GET %s: whatever is asked, the answer is a documented one', async ([path, names, statuses]) => {
  const query = fc.dictionary(
    fc.constantFrom(...names),
    fc.oneof(staffText, fc.constantFrom('%00', '%ED%A0%80', '%FF', '%zz')),
    {
      maxKeys: 5,
    },
  )
  await fc.assert(
    fc.asyncProperty(query, fc.boolean(), async (one, isEncoded) => {
      const answer = await master.get(`${path}?${isEncoded ? formOf(one) : rawQueryOf(one)}`)
      expect(statuses).toContain(answer.status)
      expectShape(answer)
    }),
    { numRuns: RUNS },
  )
})

test('afterwards everything is as it should be', async () => {
  expect(await master.get('/roles/')).toMatchObject({ status: 200 })
  expect(door.log.filter((line) => line === 'request failed' || line === 'roles not read')).toEqual([])
})

function expectShape({ text: sent, headers, status }: Answered): void {
  expect(sent).not.toMatch(/select |insert |node_modules|at \w+ \(/i)
  expect(sent === '').toBe(status === 204)
  if (sent !== '') expect(headers).toHaveProperty('content-type', 'application/json')
}
