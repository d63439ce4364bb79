// slow: long series of random cases
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { anyJson, brokenBody, odd } from '../../../support/hostile.ts'
import { addCourse, addLearner } from '../../../support/seed.ts'
import { uuidOf } from '../../../enterprise/acme.ts'
import { addCustomer } from '../../../enterprise/seed.ts'
import { bulkUrl, headersOf, openEnterpriseApi } from './api.ts'

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
const { db } = api

const acme = await addCustomer(db)
const course = await addCourse(db)
const bob = await addLearner(db, { username: 'bob', email: 'bob@example.com' })
const staff = await headersOf(await addLearner(db, { username: 'staff', is_staff: true }))

const field = (likely: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 8, arbitrary: likely }, { weight: 1, arbitrary: fc.oneof(anyJson, odd) })
const anyRow = fc.record(
  {
    user_id: field(fc.constantFrom<unknown>(bob.id, String(bob.id), 999, -1)),
    email: field(fc.constantFrom('bob@example.com', 'new@example.com', 'NEW@example.com', 'no-at-sign')),
    course_run_key: field(fc.constantFrom(course, 'course-v1:a+b+c', 'not-a-key')),
    license_uuid: field(fc.constantFrom(uuidOf('L1'), uuidOf('L2'), 'L3')),
    transaction_id: field(fc.constantFrom(uuidOf('T1'), uuidOf('T2'))),
    force_enrollment: field(fc.boolean()),
    is_default_auto_enrollment: field(fc.boolean()),
    mode: anyJson,
  },
  { requiredKeys: ['course_run_key'] },
)
const likelyRow = fc.oneof({ weight: 1, arbitrary: anyRow }, { weight: 3, arbitrary: anyRow.map(wellFormed) })
const anyBody = fc.record(
  {
    licenses_info: field(fc.array(likelyRow, { maxLength: 4 })),
    enrollments_info: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: anyJson }),
    notify: field(fc.boolean()),
    discount: field(fc.constantFrom<unknown>(0, 100, '33.3')),
    reason: field(fc.string({ minLength: 1 })),
    salesforce_id: field(fc.string({ minLength: 1, maxLength: 255 })),
  },
  { requiredKeys: ['licenses_info'] },
)

/** Some that succeed: chance alone does not always find them. */
const GOOD = ['bob@example.com', 'new@example.com'].map((email): [string] => [
  JSON.stringify({ licenses_info: [{ email, course_run_key: course, license_uuid: uuidOf('L1') }] }),
])

test('no request makes an error of the server, and every answer has a known form', async () => {
  const statuses = new Set<number>()
  const body = fc.oneof(
    { weight: 6, arbitrary: anyBody.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: brokenBody },
  )
  await fc.assert(
    fc.asyncProperty(body, async (payload) => {
      const headers = { 'content-type': 'application/json', ...staff }
      const answer = await api.app.inject({ method: 'POST', url: bulkUrl(acme.uuid), headers, payload })
      const { statusCode: status } = answer
      statuses.add(status)
      const json = JSON.parse(answer.body)
      expect([201, 202, 400, 409]).toContain(status)
      expect(typeof json).toBe('object')
      if (status === 400) return
      const { successes, pending, failures, invalid_user_ids: ids = [], invalid_email_addresses: emails = [] } = json
      const rows = JSON.parse(String(payload))
      const asked = Object.values<unknown>(rows).find((list) => Array.isArray(list) && list.length > 0)
      expect(successes.length + pending.length + failures.length + ids.length).toBeLessThanOrEqual((asked as []).length)
      expect(successes.every((one: object) => Object.keys(one).join() === SUCCESS_KEYS)).toBe(true)
      expect(pending.every((one: object) => Object.keys(one).join() === PENDING_KEYS)).toBe(true)
      expect(failures.every((one: object) => Object.keys(one).join() === FAILURE_KEYS)).toBe(true)
      const bad = failures.length + ids.length + emails.length
      const good = pending.length > 0 ? 202 : 201
      expect(status).toBe(bad > 0 ? 409 : good)
    }),
    { numRuns: 400, examples: GOOD },
  )
  // The property has seen all of them.
  expect(statuses).toEqual(new Set([201, 202, 400, 409]))
  expect(api.log).not.toContain('request failed')
})

const SUCCESS_KEYS = 'user_id,email,course_run_key,created,activation_link,enterprise_fulfillment_source_uuid'
const PENDING_KEYS = 'email,course_run_key,created,activation_link'
const FAILURE_KEYS = 'user_id,email,course_run_key'

/** A row that is not refused as a whole, unless one of its fields is: somebody, funded once. */
function wellFormed({ transaction_id: _transaction, ...row }: Record<string, unknown>): Record<string, unknown> {
  const person = 'user_id' in row || 'email' in row ? {} : { user_id: bob.id }
  return { ...row, ...person, license_uuid: row['license_uuid'] ?? uuidOf('L1') }
}
