import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fingerprintOf } from '../../../core/idempotency/fingerprint.ts'

describe('a fingerprint', () => {
  test('is 32 bytes that stay the same from release to release', () => {
    // sha256sum of {"a":{"c":0.5,"d":true},"b":[1,"two",null]}
    expect(hex({ b: [1, 'two', null], a: { d: true, c: 0.5 } })).toBe(
      'cce93bcb90bc833efe39e14cc6faaaadc598892221af1fb383313a956154be3a',
    )
  })

  test('does not look at the order of keys, at any depth', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(hex(turned(value))).toBe(hex(value))
      }),
    )
  })

  test('tells different inputs apart', () => {
    const pair = fc.tuple(small, small)
    fc.assert(
      fc.property(pair, ([one, other]) => {
        expect(hex(one) === hex(other)).toBe(isDeepStrictEqual(one, other))
      }),
      { numRuns: 2_000 },
    )
  })

  test.each<[string, unknown, unknown]>([
    ['the order of a list', ['a', 'b'], ['b', 'a']],
    ['a number and its text', { a: 1 }, { a: '1' }],
    ['null and nothing', { a: null }, {}],
    ['an object and a list', {}, []],
    ['where a text ends', ['a,b'], ['a', 'b']],
    ['a key and a value', { a: 'b' }, { b: 'a' }],
    ['where it stands', { a: { b: 1 } }, { b: { a: 1 } }],
    ['keys that objects treat in a special way', JSON.parse('{"__proto__":1}'), {}],
    ['texts that only look alike', 'é', 'e\u0301'],
    ['halves of surrogate pairs', '\uD800', '\uD801'],
  ])('sees %s', (_, one, other) => {
    expect(hex(one)).not.toBe(hex(other))
  })

  test('takes what JSON leaves out for nothing', () => {
    expect(hex({ a: undefined, b: [undefined] })).toBe(hex({ b: [null] }))
    expect(hex({ at: new Date(0) })).toBe(hex({ at: '1970-01-01T00:00:00.000Z' }))
  })

  test.each([[undefined], [() => 1]])('of %s there is none', (input) => {
    expect(() => fingerprintOf(input)).toThrow(TypeError)
  })
})

/** So small that two of them are often equal. */
const { small } = fc.letrec((tie) => ({
  small: fc.oneof(
    fc.constantFrom(null, true, 0, 1, '', '1'),
    fc.array(tie('small'), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('a', 'b', '1', '10'), tie('small'), { maxKeys: 2, noNullPrototype: true }),
  ),
}))

function hex(input: unknown): string {
  return fingerprintOf(input).toString('hex')
}

/** The same value with the keys of all its objects in the opposite order. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, part]) => [key, turned(part)]),
  )
}
