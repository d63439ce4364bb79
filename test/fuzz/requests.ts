import fc from 'fast-check'
import {
  brokenBody,
  likelyFields,
  formOf,
  multipartOf,
  odd,
  pathPiece,
  rawQueryOf,
  staffFields,
  staffText,
  wish,
} from '../support/hostile.ts'
import { headers } from './headers.ts'
import { toEnterprise } from './enterprise-requests.ts'
import type { Part } from './part.ts'
import { toPrivate } from './private-requests.ts'

const CALLERS = [
  'nobody',
  'learner',
  'inactive',
  'teacher',
  'staff',
  'key',
  'keyAndLearner',
  'browser',
  'page',
  'service',
] as const

/** As whom a request is sent. */
export type Caller = (typeof CALLERS)[number]

/** A request as it goes over the wire. */
export interface HostileRequest {
  readonly caller: Caller
  readonly listener: 'public' | 'private'
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** Beside those of the caller, which they overrule. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Buffer | undefined
}

const BASE = '/api/enrollment/v1'
const JSON_TYPE = { 'content-type': 'application/json' }
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' }
const MULTIPART_TYPE = { 'content-type': 'multipart/form-data; boundary=b' }

const courseKey = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('course-v1:a+b+c', 'a/b/c', 'course-v1:a%2Bb%2Bc', 'course-v1:no+such+run') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('a+b+c', 'course-v1:a+b+%00', 'course-v1:%FF+b+c', `a/b/${'c'.repeat(3_000)}`),
  },
  { weight: 1, arbitrary: odd.map(encode) },
)

const query = fc
  .tuple(
    fc.dictionary(
      fc.constantFrom('user', 'username', 'email', 'course_id', 'course_ids', 'cursor', 'page', 'include_expired'),
      fc.oneof(staffText, fc.constantFrom('%00', '%ED%A0%80', '%FF', '%zz', 'a,'.repeat(200))),
      { maxKeys: 5 },
    ),
    fc.boolean(),
  )
  .map(([fields, isEncoded]) => (isEncoded ? formOf(wellFormed(fields)) : rawQueryOf(fields)))

/** Fields as each of the media types has them. */
const asBody = (fields: fc.Arbitrary<object>) =>
  fc.oneof(
    { weight: 8, arbitrary: fields.map((value) => ({ headers: JSON_TYPE, body: JSON.stringify(value) })) },
    { weight: 2, arbitrary: fields.map((value) => ({ headers: FORM_TYPE, body: formOf({ ...value }) })) },
    { weight: 1, arbitrary: fields.map((value) => ({ headers: MULTIPART_TYPE, body: multipartOf({ ...value }) })) },
    { weight: 1, arbitrary: brokenBody.map((body) => ({ headers: JSON_TYPE, body })) },
    { weight: 1, arbitrary: fc.json().map((body) => ({ headers: JSON_TYPE, body })) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(
          fc.constantFrom('text/plain', '', 'application/JSON; charset=x', 'multipart/form-data', 'a/b'),
          brokenBody,
        )
        .map(([type, body]) => ({ headers: { 'content-type': type }, body })),
    },
  )

const post = (path: string, fields: fc.Arbitrary<object>): fc.Arbitrary<Part> =>
  asBody(fields).map((rest) => ({ method: 'POST', target: path, ...rest }))

/** A body that would do, but for one field. */
const almostRight = fc
  .tuple(
    fc.record({
      user: fc.constantFrom('bob', 'staff', 'teacher', 'idle'),
      mode: fc.constantFrom(null, 'audit', 'verified', 'credit'),
      is_active: fc.constantFrom(null, true, false),
    }),
    wish,
    fc.nat(),
  )
  .map(([right, wrong, index]): Record<string, unknown> => {
    const entries = Object.entries(wrong)
    const one = entries[index % Math.max(1, entries.length)]
    return { course_details: { course_id: 'course-v1:a+b+c' }, ...right, ...(one && { [one[0]]: one[1] }) }
  })

/** One of the routes, asked in a way that it mostly understands. */
const toRoute: fc.Arbitrary<Part> = fc.oneof(
  { weight: 4, arbitrary: post(`${BASE}/enrollment`, wish) },
  { weight: 5, arbitrary: post(`${BASE}/enrollment`, almostRight) },
  { weight: 3, arbitrary: post('/api/bulk_enroll/v1/bulk_enroll', fc.oneof(likelyFields, staffFields)) },
  { weight: 2, arbitrary: post(`${BASE}/unenroll/`, staffFields) },
  { weight: 1, arbitrary: post(`${BASE}/unenroll/`, fc.constant({ username: 'going' })) },
  { weight: 2, arbitrary: post(`${BASE}/enrollment_allowed/`, fc.oneof(likelyFields, staffFields)) },
  {
    weight: 2,
    arbitrary: asBody(fc.oneof(likelyFields, staffFields)).map((rest) => ({
      method: 'DELETE',
      target: `${BASE}/enrollment_allowed/`,
      ...rest,
    })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('enrollment', 'enrollments', 'enrollments/', 'roles/', 'enrollment_allowed/'), query)
      .map(([path, asked]) => ({ method: 'GET', target: `${BASE}/${path}?${asked}`, headers: {} })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('enrollment/', 'enrollment/bob,', 'enrollment/a%20b,', 'course/'), courseKey, query)
      .map(([path, key, asked]) => ({ method: 'GET', target: `${BASE}/${path}${key}?${asked}`, headers: {} })),
  },
)

const routePiece = fc.constantFrom('//', '/roles/', '/unenroll/', '/enrollments', '/enrollment_allowed/')

/** Any path. */
const toAnywhere: fc.Arbitrary<Part> = fc
  .tuple(
    fc.array(fc.oneof(pathPiece, routePiece), { maxLength: 12 }),
    fc.constantFrom(`${BASE}/`, `${BASE}/enrollment/`, '/', '/api/'),
  )
  .map(([pieces, start]) => ({ method: 'GET', target: encodeSpaces(start + pieces.join('')), headers: {} }))

/** Texts of a megabyte: under the limit of a body, at it, and over it. */
const huge: fc.Arbitrary<Part> = fc
  .tuple(
    fc.constantFrom('user', 'mode', 'cohort', 'enterprise_uuid', 'email'),
    fc.constantFrom(900_000, 1_048_500, 1_100_000),
  )
  .map(([field, length]) => ({
    method: 'POST',
    target: `${BASE}/enrollment`,
    headers: JSON_TYPE,
    body: JSON.stringify({ course_details: { course_id: 'course-v1:a+b+c' }, [field]: 'x'.repeat(length) }),
  }))

const methods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'POST', 'PROPFIND']
const anyMethod = fc.constantFrom(...methods)
/** Mostly that of the request. */
const method = fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: anyMethod })

const part = fc.oneof(
  { weight: 160, arbitrary: toRoute },
  { weight: 25, arbitrary: toAnywhere },
  { weight: 1, arbitrary: huge },
)

/** Mostly one who may do much: refusals by name alone are soon seen. */
const caller = fc.oneof(fc.constantFrom<Caller>('staff', 'key'), fc.constantFrom(...CALLERS))
const customerCaller = fc.oneof(fc.constantFrom<Caller>('staff', 'learner'), fc.constantFrom(...CALLERS))
const callerInside = fc.oneof({ weight: 9, arbitrary: fc.constant<Caller>('service') }, caller)

const addressed = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(caller, part, fc.constant('public' as const)) },
  { weight: 2, arbitrary: fc.tuple(customerCaller, toEnterprise, fc.constant('public' as const)) },
  { weight: 2, arbitrary: fc.tuple(callerInside, toPrivate, fc.constant('private' as const)) },
)

const hostileRequest: fc.Arbitrary<HostileRequest> = fc
  .tuple(addressed, method, headers)
  .map(([[caller, own, listener], other, more]) => ({
    caller,
    listener,
    method: other ?? own.method,
    target: own.target,
    headers: { ...own.headers, ...more },
    body: own.body,
  }))

/** The requests of a seed, in their order: request `n` is the same in every run. */
export function* hostileRequests(seed: number): Generator<HostileRequest> {
  for (let chunk = 0; ; chunk += 1) yield* fc.sample(hostileRequest, { numRuns: CHUNK, seed: seed + chunk })
}

const CHUNK = 500

/** Everything that must not stand in a request line as it is, in percent-encoding; what is encoded already stays. */
function encodeSpaces(target: string): string {
  return target.replaceAll(/[^!-~]+/gu, encode)
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

function wellFormed(fields: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value.toWellFormed()]))
}
