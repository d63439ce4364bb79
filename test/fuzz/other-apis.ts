import fc from 'fast-check'
import { operations } from '../../routers/operations.ts'
import { anyJson, brokenBody, odd } from '../support/hostile.ts'

/** A request of which the caller is still open. */
export interface Part {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Buffer | undefined
}

/** The customer that the world has. */
export const CUSTOMER = '5f3e9a52-31a5-4a27-8a8e-0d1f3d0f7a11'

const JSON_TYPE = { 'content-type': 'application/json' }

const row = fc.record(
  {
    user_id: fc.oneof(fc.constantFrom<unknown>(1, 2, 0, -1, '1', 1e30), anyJson),
    email: fc.oneof(fc.constantFrom<unknown>('bob@example.com', 'new@example.com', 'x@', 'Kelvin@K'), anyJson),
    course_run_key: fc.oneof(fc.constantFrom<unknown>('course-v1:a+b+c', 'a/b/c', 'nokey'), anyJson),
    license_uuid: fc.oneof(fc.constant<unknown>('0f2f1a52-31a5-4a27-8a8e-0d1f3d0f7a11'), anyJson),
    transaction_id: anyJson,
    force_enrollment: anyJson,
  },
  { requiredKeys: [] },
)

/** Bodies of up to 8 MB whose size is in their number of values, not in their texts. */
const manyRows = fc
  .tuple(
    fc.constantFrom('{}', '[]', '1', '{"a":1}', '[[', '{"user_id":1,"course_run_key":"a/b/c"}'),
    fc.nat({ max: 3_000_000 }),
  )
  .map(([piece, length]) => `{"enrollments_info":[${`${piece},`.repeat(Math.floor(length / piece.length))}${piece}]}`)

const bulkBody = fc.oneof(
  {
    weight: 30,
    arbitrary: fc
      .record(
        {
          enrollments_info: fc.oneof(fc.array(row, { maxLength: 5 }), anyJson),
          licenses_info: anyJson,
          reason: anyJson,
          discount: anyJson,
          notify: anyJson,
        },
        { requiredKeys: ['enrollments_info'] },
      )
      .map((value) => JSON.stringify(value)),
  },
  { weight: 6, arbitrary: brokenBody },
  { weight: 1, arbitrary: manyRows },
)

/** The routes of enterprise. */
export const toEnterprise: fc.Arbitrary<Part> = fc
  .tuple(fc.oneof({ weight: 8, arbitrary: fc.constant(CUSTOMER) }, { weight: 1, arbitrary: odd.map(encode) }), bulkBody)
  .map(([customer, body]) => ({
    method: 'POST',
    target: `/enterprise/api/v1/enterprise-customer/${customer}/enroll_learners_in_courses/`,
    headers: JSON_TYPE,
    body,
  }))

const procedures = Object.entries(operations).flatMap(([group, own]) =>
  Object.keys(own).map((name) => `${group}.${name}`),
)

const input = fc.record(
  {
    username: fc.oneof(fc.constant<unknown>('bob'), anyJson),
    learner: anyJson,
    courseId: fc.oneof(fc.constantFrom<unknown>('course-v1:a+b+c', 'a/b/c'), anyJson),
    mode: anyJson,
    isActive: anyJson,
    attributes: anyJson,
    cursor: anyJson,
    limit: anyJson,
    after: fc.oneof(fc.constantFrom<unknown>('latest', '0-0'), anyJson),
    lastEventId: anyJson,
    courseIds: anyJson,
    kinds: anyJson,
    idempotencyKey: anyJson,
    items: fc.oneof(fc.array(fc.record({ username: anyJson, courseId: anyJson }), { maxLength: 4 }), anyJson),
  },
  { requiredKeys: [] },
)

const callBody = fc.oneof(
  { weight: 20, arbitrary: input.map((value) => JSON.stringify(value)) },
  { weight: 4, arbitrary: brokenBody },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('{}', '{"attributes":[{}]}', '[[', '"x"'), fc.nat({ max: 1_500_000 }))
      .map(([piece, length]) => `{"items":[${`${piece},`.repeat(Math.floor(length / piece.length))}${piece}]}`),
  },
)

/** Calls of the private listener, one or several in a request. */
export const toPrivate: fc.Arbitrary<Part> = fc
  .tuple(
    fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...procedures) },
      {
        weight: 1,
        arbitrary: fc.constantFrom('x.y', 'enrollment', '__proto__', 'enrollment.constructor', 'a'.repeat(9_000)),
      },
      { weight: 1, arbitrary: odd.map(encode) },
    ),
    fc.constantFrom('POST', 'POST', 'POST', 'GET'),
    fc.constantFrom('', '', '?batch=1', '?batch=x'),
    callBody,
  )
  .map(([procedure, method, query, body]) => {
    if (method === 'POST') return { method, target: `/trpc/${procedure}${query}`, headers: JSON_TYPE, body }
    const asked = encode(String(body)).slice(0, 4_000)
    return { method, target: `/trpc/${procedure}${query === '' ? '?' : `${query}&`}input=${asked}`, headers: {} }
  })

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}
