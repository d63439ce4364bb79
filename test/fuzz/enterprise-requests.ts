import fc from 'fast-check'
import { anyJson, brokenBody, odd } from '../support/hostile.ts'
import type { Part } from './part.ts'

/** What the world has for the routes of enterprise. */
export const CUSTOMER = '5f3e9a52-31a5-4a27-8a8e-0d1f3d0f7a11'
export const LICENSE = '0f2f1a52-31a5-4a27-8a8e-0d1f3d0f7a11'
export const TRANSACTION = '1f2f1a52-31a5-4a27-8a8e-0d1f3d0f7a11'
export const FULFILMENTS = ['f0000000-0000-4000-8000-000000000001', 'f0000000-0000-4000-8000-000000000002'] as const

const BASE = '/enterprise/api/v1'
const JSON_TYPE = { 'content-type': 'application/json' }
const COURSES = ['course-v1:a+b+c', 'a/b/c', 'course-v1:no+such+run', 'nokey'] as const
const INSTANTS = [
  '2026-03-01T12:00:00Z',
  '2026-03-01 12:00:00.250 00:00',
  '2026-02-30',
  '2026-03-01',
  '0000-00-00',
  'soon',
]

const customer = fc.oneof(
  { weight: 8, arbitrary: fc.constant(CUSTOMER) },
  { weight: 1, arbitrary: fc.constantFrom(CUSTOMER.toUpperCase(), CUSTOMER.replaceAll('-', '')) },
  { weight: 1, arbitrary: odd },
)
const uuid = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<unknown>(CUSTOMER, LICENSE, TRANSACTION, ...FULFILMENTS) },
  { weight: 1, arbitrary: anyJson },
)
const userId = fc.oneof(fc.constantFrom<unknown>(1, 2, 5, '2', ' 2 ', 0, -1, 1e30, true, [2]), anyJson)
const email = fc.oneof(fc.constantFrom<unknown>('bob@example.com', 'new@example.com', 'x@', 'Kelvin@\u212A'), anyJson)
const courseKey = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<unknown>(...COURSES) },
  { weight: 1, arbitrary: anyJson },
)

const row = fc.record(
  {
    user_id: userId,
    email,
    course_run_key: courseKey,
    license_uuid: uuid,
    transaction_id: uuid,
    force_enrollment: anyJson,
    is_default_auto_enrollment: anyJson,
  },
  { requiredKeys: ['course_run_key'] },
)

/** A row that is well formed, mostly. */
const likelyRow = fc.record(
  {
    user_id: fc.constantFrom<unknown>(1, 2, 3, 99),
    email: fc.constantFrom<unknown>('bob@example.com', 'new@example.com', 'other@example.com'),
    course_run_key: fc.constantFrom<unknown>(...COURSES),
    license_uuid: fc.constantFrom<unknown>(LICENSE, FULFILMENTS[0]),
  },
  { requiredKeys: ['course_run_key', 'license_uuid', 'email'] },
)

/** Bodies of up to 8 MB whose size is in their number of values, not in their texts. */
const manyRows = fc
  .tuple(
    fc.constantFrom('{}', '[]', '1', '{"a":1}', '[[', '{"user_id":1,"course_run_key":"a/b/c"}'),
    fc.nat({ max: 3_000_000 }),
  )
  .map(([piece, length]) => `{"enrollments_info":[${`${piece},`.repeat(Math.floor(length / piece.length))}${piece}]}`)

const bulkBody = orBroken(
  fc.record(
    {
      enrollments_info: fc.oneof(
        fc.array(likelyRow, { maxLength: 5 }),
        fc.array(fc.oneof(row, likelyRow), { maxLength: 5 }),
        anyJson,
      ),
      licenses_info: anyJson,
      reason: anyJson,
      discount: anyJson,
      notify: anyJson,
    },
    { requiredKeys: ['enrollments_info'] },
  ),
  { weight: 1, arbitrary: manyRows },
)

const courseEnrollments = fc.record(
  {
    course_id: courseKey,
    course_run_id: courseKey,
    course_mode: fc.oneof(fc.constantFrom<unknown>('audit', 'verified'), anyJson),
    lms_user_id: userId,
    tpa_user_id: anyJson,
    user_email: email,
    email_students: anyJson,
    cohort: anyJson,
    is_active: fc.oneof(fc.boolean(), anyJson),
  },
  { requiredKeys: [] },
)

const toCustomer: fc.Arbitrary<Part> = fc
  .tuple(
    customer,
    fc.oneof(
      { weight: 3, arbitrary: bulkBody.map((body) => ['enroll_learners_in_courses/', body] as const) },
      {
        weight: 1,
        arbitrary: orBroken(fc.oneof(courseEnrollments, fc.array(courseEnrollments, { maxLength: 5 }))).map(
          (body) => ['course_enrollments/', body] as const,
        ),
      },
    ),
  )
  .map(([id, [action, body]]) => post(`enterprise-customer/${encode(id)}/${action}`, body))

const slash = fc.constantFrom('/', '')

const revocation = fc
  .tuple(orBroken(fc.record({ user_id: userId, enterprise_id: uuid }, { requiredKeys: [] })), slash)
  .map(([body, end]) => post(`licensed-enterprise-course-enrollment/license_revoke${end}`, body))

const expiration = fc
  .tuple(
    orBroken(
      fc.record(
        {
          expired_license_uuids: fc.oneof(fc.array(uuid, { maxLength: 5 }), fc.constant([LICENSE]), anyJson),
          ignore_enrollments_modified_after: fc.oneof(fc.constantFrom<unknown>(null, ...INSTANTS), anyJson),
        },
        { requiredKeys: [] },
      ),
      {
        weight: 1,
        arbitrary: fc
          .nat({ max: 200_000 })
          .map((count) => `{"expired_license_uuids":[${`"${LICENSE}",`.repeat(count)}"${LICENSE}"]}`),
      },
    ),
    slash,
    fc.oneof(fc.constantFrom('', ...INSTANTS), odd),
  )
  .map(([body, end, after]) =>
    post(
      `licensed-enterprise-course-enrollment/bulk_licensed_enrollments_expiration${end}?ignore_enrollments_modified_after=${encode(after)}`,
      body,
    ),
  )

const fulfilmentId = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<string>(...FULFILMENTS, LICENSE, 'unenrolled', 'x') },
  { weight: 1, arbitrary: odd },
)
const ofFulfilment: fc.Arbitrary<Part> = fc
  .tuple(fulfilmentId, fc.constantFrom('', '/cancel-fulfillment', '/cancel-fulfillmen'), slash)
  .map(([id, action, end]) => {
    const target = `${BASE}/enterprise-subsidy-fulfillment/${encode(id)}${action}${end}`
    return { method: action === '' ? 'GET' : 'POST', target, headers: {} }
  })

const unenrolled: fc.Arbitrary<Part> = fc
  .tuple(
    slash,
    fc.oneof(fc.constantFrom(...INSTANTS), odd),
    fc.oneof(fc.constantFrom('true', 'false', '1', 'maybe', ''), odd),
    fc.boolean(),
  )
  .map(([end, after, licensed, isEncoded]) => {
    const text = isEncoded ? encode(after) : after.replaceAll(/[^!-~]|#/g, '+')
    const query = `unenrolled_after=${text}&retrieve_licensed_enrollments=${encode(licensed)}`
    const target = `${BASE}/operator/enterprise-subsidy-fulfillment/unenrolled${end}?${query}`
    return { method: 'GET', target, headers: {} }
  })

/** The routes of enterprise. */
export const toEnterprise: fc.Arbitrary<Part> = fc.oneof(
  { weight: 10, arbitrary: toCustomer },
  { weight: 3, arbitrary: revocation },
  { weight: 3, arbitrary: expiration },
  { weight: 4, arbitrary: ofFulfilment },
  { weight: 2, arbitrary: unenrolled },
)

function orBroken(
  fields: fc.Arbitrary<object>,
  ...more: readonly { weight: number; arbitrary: fc.Arbitrary<string> }[]
): fc.Arbitrary<string | Buffer> {
  return fc.oneof(
    { weight: 30, arbitrary: fields.map((value): string | Buffer => JSON.stringify(value)) },
    { weight: 6, arbitrary: brokenBody },
    ...more,
  )
}

function post(path: string, body: string | Buffer): Part {
  return { method: 'POST', target: `${BASE}/${path}`, headers: JSON_TYPE, body }
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}
