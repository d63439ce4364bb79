// slow: long series of random cases
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { anyJson, brokenBody, odd } from '../../../../support/hostile.ts'
import { headersOf, openEnterpriseApi } from '../api.ts'
import { ACME, buildWorld, run } from '../routes-world.ts'

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
beforeAll(() => buildWorld(api))

const field = (likely: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 8, arbitrary: likely }, { weight: 1, arbitrary: fc.oneof(anyJson, odd) })
const anyItem = fc.record(
  {
    lms_user_id: field(fc.constantFrom<unknown>(1, '2', 3, 8, 99, 999, -1)),
    user_email: field(fc.constantFrom('bob@x.io', 'zed@x.io', 'new@x.io', 'NEW@x.io', 'no-at-sign')),
    tpa_user_id: anyJson,
    course_run_id: field(fc.constantFrom(run('C1'), run('V1'), run('Z'), 'not-a-key')),
    course_mode: field(fc.constantFrom('audit', 'verified', 'professional', 'honor')),
    cohort: field(fc.constant('red')),
    email_students: field(fc.boolean()),
    is_active: field(fc.boolean()),
  },
  { requiredKeys: ['course_run_id', 'course_mode'] },
)
const body = fc.oneof(
  { weight: 8, arbitrary: fc.array(fc.oneof({ weight: 9, arbitrary: anyItem }, anyJson), { maxLength: 5 }) },
  { weight: 1, arbitrary: anyJson },
)

test('no list makes an error of the server, and every item has an answer of a known form', async () => {
  const staff = await headersOf({ username: 'S' })
  const url = `/enterprise/api/v1/enterprise-customer/${ACME}/course_enrollments/`
  const seen = new Set<unknown>()
  const bytes = fc.oneof({ weight: 8, arbitrary: body.map((value) => JSON.stringify(value)) }, brokenBody)
  await fc.assert(
    fc.asyncProperty(bytes, async (payload) => {
      const headers = { 'content-type': 'application/json', ...staff }
      const answer = await api.app.inject({ method: 'POST', url, headers, payload })
      const json = JSON.parse(answer.body)
      seen.add(answer.statusCode)
      expect([200, 400]).toContain(answer.statusCode)
      if (answer.statusCode === 400) return
      expect(json).toHaveLength(JSON.parse(String(payload)).length)
      for (const one of json) {
        const { detail } = one
        if (detail === undefined) expect(Object.values(one).every((texts) => Array.isArray(texts))).toBe(true)
        else expect(typeof detail).toBe('string')
        seen.add(detail === undefined ? 'errors' : 'detail')
        if (detail === 'success') seen.add(detail)
      }
    }),
    { numRuns: 400 },
  )
  // The property has seen all of them.
  expect(seen).toEqual(new Set([200, 400, 'errors', 'detail', 'success']))
  expect(api.log).not.toContain('request failed')
})
