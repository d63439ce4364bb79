import { expect, test } from 'vitest'
import { decimalOf, wholeNumberOf } from '../../../../server/rest/django/serializer-values.ts'
import type { Json } from '../../../../server/rest/django/json.ts'

test.each<[value: Exclude<Json, null>, number: bigint | undefined]>([
  [7n, 7n],
  [-7n, -7n],
  [7, 7n],
  [7.5, undefined],
  [1e300, undefined],
  ['7', 7n],
  [' +7\n', 7n],
  ['-7.00 ', -7n],
  ['1_000', 1000n],
  ['1__000', undefined],
  ['7.', 7n],
  ['', undefined],
  ['0x10', undefined],
  ['7e1', undefined],
  [true, undefined],
  [[7n], undefined],
])('%s is the whole number %s', (value, number) => {
  expect(wholeNumberOf(value)).toBe(number)
})

test.each<[value: Exclude<Json, null>, decimal: { value: number; places: number } | undefined]>([
  [7n, { value: 7, places: 0 }],
  [12.5, { value: 12.5, places: 1 }],
  ['12.50', { value: 12.5, places: 2 }],
  [' .5 ', { value: 0.5, places: 1 }],
  ['5.', { value: 5, places: 0 }],
  ['1e-3', { value: 0.001, places: 3 }],
  ['1.25e1', { value: 12.5, places: 1 }],
  ['1e2', { value: 100, places: 0 }],
  ['-0.1', { value: -0.1, places: 1 }],
  ['', undefined],
  ['.', undefined],
  ['NaN', undefined],
  ['Infinity', undefined],
  ['1,5', undefined],
  [false, undefined],
])('%s is the decimal %o', (value, decimal) => {
  expect(decimalOf(value)).toEqual(decimal)
})
