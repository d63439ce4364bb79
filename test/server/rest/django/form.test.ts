import { expect, test } from 'vitest'
import { parseFields } from '../../../../server/rest/django/form.ts'
import { growsLinearly } from '../../../support/growth.ts'

test.for([
  ['', {}],
  ['user=bob', { user: 'bob' }],
  ['user', { user: '' }],
  ['user=', { user: '' }],
  ['user=a&user=b', { user: 'b' }],
  ['user=a=b', { user: 'a=b' }],
  ['&&user=bob&', { user: 'bob' }],
  ['user=a+b', { user: 'a b' }],
  ['user=a%2Bb', { user: 'a+b' }],
  ['us%65r=%C3%A9', { user: 'é' }],
  ['user=%FF', { user: '\uFFFD' }],
  ['user=%zz%', { user: '%zz%' }],
  ['user=%00', { user: '\0' }],
  ['user=%ED%A0%80', { user: '\uD800' }],
  ['__proto__=x', JSON.parse('{"__proto__":"x"}')],
] as const)('%s', ([query, fields]) => {
  expect(Object.fromEntries(parseFields(query))).toEqual(fields)
})

test('a body full of bytes that are no text is read in a time that grows with its length alone', () => {
  expect(growsLinearly(parseFields, (length) => `a=${'%FF'.repeat(length)}`, 15_000)).toBe(true)
})
