import { expect, test } from 'vitest'
import { memoize } from '../../../core/access/memoize.ts'

test('works out each answer once, and keeps no more than it may', () => {
  const asked: string[] = []
  const lengthOf = memoize((text) => asked.push(text) && { length: text.length }, 3)
  expect(lengthOf('a')).toBe(lengthOf('a'))
  for (const text of ['bb', 'ccc', 'bb', 'a']) expect(lengthOf(text)).toEqual({ length: text.length })
  expect(asked).toEqual(['a', 'bb', 'ccc'])
  lengthOf('dddd')
  lengthOf('a')
  expect(asked).toEqual(['a', 'bb', 'ccc', 'dddd', 'a'])
})
