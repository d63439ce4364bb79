import fc from 'fast-check'

/** Texts that have broken servers before. */
export const odd = fc.oneof(
  fc.constantFrom('\0', '\uD800', '__proto__', 'constructor', 'x'.repeat(5_000), '😀', "'; drop table learners --"),
  fc.constantFrom('%', '\\', ',,,', '${jndi:ldap://x}', '{{7*7}}', '\r\nSet-Cookie: a=b', '\u2028', '9'.repeat(400)),
  fc.string({ unit: 'binary', maxLength: 20 }),
)

/** A value of any type, often one that a request may hold. */
export const anyJson = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<unknown>(null, true, false, '', 'bob', 'audit', 'verified', 0, 1.5, 1e300) },
  { weight: 1, arbitrary: odd },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
)

const attribute = fc.record({ namespace: anyJson, name: anyJson, value: anyJson, more: anyJson }, { requiredKeys: [] })

const details = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<unknown>({ course_id: 'course-v1:a+b+c' }, { course_id: 'a/b/c' }) },
  { weight: 1, arbitrary: fc.record({ course_id: anyJson }, { requiredKeys: [] }) },
  { weight: 1, arbitrary: anyJson },
)

/** The body of a POST to /enrollment, each of its fields likely or wrong. */
export const wish = fc.record(
  {
    course_details: details,
    user: fc.oneof(fc.constant('bob'), anyJson),
    email: anyJson,
    mode: anyJson,
    is_active: fc.oneof(fc.boolean(), anyJson),
    force_enrollment: fc.oneof(fc.boolean(), anyJson),
    enrollment_attributes: fc.oneof(fc.array(attribute, { maxLength: 3 }), anyJson),
    cohort: anyJson,
    email_opt_in: anyJson,
    enterprise_uuid: anyJson,
  },
  { requiredKeys: [] },
)

/** Bytes that are no JSON, or that no reader should stumble over. */
export const brokenBody = fc.oneof(
  fc.constantFrom('', '{', '['.repeat(50_000), '"\\ud800"', '{"user":1e999}', `[${'9'.repeat(5_000)}]`, 'NaN'),
  fc.constantFrom('{"user":"bob","user":1}', '{"__proto__":{"user":"bob"}}', '{"course_details":{"__proto__":null}}'),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
)

/** Texts of which the routes of staff understand some. */
export const staffText = fc.oneof(
  fc.constantFrom('bob', 'bob@example.com', 'course-v1:a+b+c', 'a/b/c', 'enroll', 'unenroll', 'red', 'true', 'no', ''),
  odd,
)

const staffValue = fc.oneof(
  { weight: 5, arbitrary: staffText },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(null, true, false, 0, 1, 1.5, 1e300, [], {}, ['bob'], [['bob']]) },
)

const STAFF_FIELDS = [
  'username',
  'email',
  'course_id',
  'auto_enroll',
  'identifiers',
  'courses',
  'cohorts',
  'action',
  'reason',
]

/** The fields of the routes of staff, of one and the other and of none. */
export const staffFields = fc.dictionary(
  fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...STAFF_FIELDS) }, { weight: 1, arbitrary: odd }),
  staffValue,
  { maxKeys: 8 },
)

/** Those that a route comes far with, and any others. */
export const likelyFields = fc
  .tuple(
    staffFields,
    fc.record({
      identifiers: staffText,
      courses: staffText,
      action: fc.constantFrom('enroll', 'unenroll'),
      email: staffText,
      course_id: fc.oneof(fc.constantFrom('course-v1:a+b+c', 'a/b/c'), staffText),
      auto_enroll: fc.constantFrom<unknown>(true, 'false', 'maybe'),
    }),
  )
  .map(([more, likely]): Record<string, unknown> => ({ ...more, ...likely }))

/** Pieces of paths: put together they are often a route. */
export const pathPiece = fc.oneof(
  fc.constantFrom('enrollment', 'course', 'bob', ',', '/', '+', '%2F', '%2C', '%', '%zz', '%00', '%FF', '%ED%A0%80'),
  fc.constantFrom('?', '&', 'user=', 'include_expired=', 'course-v1:a+b+c', 'a/b/c', 'é', '😀', ' ', '..', ';'),
  fc.constantFrom('%0A', '%C3%A9'),
  fc.string({ maxLength: 10 }).map(encodeURIComponent),
)

/** The fields of a form; what is no text becomes JSON. */
export function formOf(fields: Readonly<Record<string, unknown>>): string {
  return new URLSearchParams(Object.entries(fields).map(([name, value]) => [name, textOf(value)])).toString()
}

/** The same in parts, between the boundary `b`. */
export function multipartOf(fields: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${textOf(value)}\r\n`,
  )
  return `${parts.join('')}--b--\r\n`
}

/** A query as a careless client sends it. */
export function rawQueryOf(fields: Readonly<Record<string, string>>): string {
  const parts = Object.entries(fields).map(([name, value]) => `${name}=${value}`)
  return parts.join('&').replaceAll(/[^!-~]|#/g, '')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
