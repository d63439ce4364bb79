import { expect, test } from 'vitest'
import { growsLinearly } from './growth.ts'

test('linear work grows linearly, quadratic work does not', () => {
  const textOf = (length: number) => 'a'.repeat(length)
  const linear = (text: string) => text.replaceAll(/a/g, 'b')
  const quadratic = (text: string) => /(?:a+)c/.test(text)
  expect(growsLinearly(linear, textOf, 750)).toBe(true)
  expect(growsLinearly(quadratic, textOf, 750)).toBe(false)
})
