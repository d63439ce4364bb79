import fc from 'fast-check'
import { operations } from '../../routers/operations.ts'
import { anyJson, brokenBody, odd } from '../support/hostile.ts'
import type { Part } from './part.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

const procedures = Object.entries(operations).flatMap(([group, own]) =>
  Object.keys(own).map((name) => `${group}.${name}`),
)

const UUID = '0f2f1a52-31a5-4a27-8a8e-0d1f3d0f7a11'
const URLS = [
  'https://hooks.invalid/x',
  'https://127.1/',
  'https://0x7f.1/',
  'https://[::ffff:127.0.0.1]/',
  'https://user:password@hooks.invalid/',
  'https://localhost./',
  'http://hooks.invalid/',
  'javascript:alert(1)',
  `https://${'a'.repeat(3_000)}.invalid/`,
]

const input = fc.record(
  {
    username: fc.oneof(fc.constant<unknown>('bob'), anyJson),
    learner: anyJson,
    courseId: fc.oneof(fc.constantFrom<unknown>('course-v1:a+b+c', 'a/b/c'), anyJson),
    mode: anyJson,
    isActive: anyJson,
    attributes: anyJson,
    cursor: anyJson,
    after: fc.oneof(fc.constantFrom<unknown>('0-0', 'latest', `1-${'9'.repeat(19)}`), anyJson),
    lastEventId: fc.oneof(fc.constantFrom<unknown>('0-0', '1-1'), anyJson),
    kinds: fc.oneof(fc.constantFrom<unknown>(['created'], []), anyJson),
    limit: fc.oneof(fc.constantFrom<unknown>(1, 1_000), anyJson),
    courseIds: anyJson,
    idempotencyKey: anyJson,
    id: fc.oneof(fc.constantFrom<unknown>('1', UUID), anyJson),
    url: fc.oneof(fc.constantFrom<unknown>(...URLS), anyJson),
    state: fc.oneof(fc.constantFrom<unknown>('enabled', 'disabled', 'dead'), anyJson),
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
