import { expect, test } from 'vitest'
import { plainSource } from '../../../entries/pack/plain-source.ts'

test('comments on lines of their own are left out, and every line stays at its place', () => {
  const source = [
    '/** One. */',
    'export const one = 1 // a number',
    '/**',
    ' * Two,',
    ' */',
    'export function two() {',
    '  // half of four',
    '  return `/* named */ select 2`',
    '}',
  ].join('\n')
  expect(plainSource(source).split('\n')).toEqual([
    '',
    'export const one = 1 // a number',
    '',
    '',
    '',
    'export function two() {',
    '',
    '  return `/* named */ select 2`',
    '}',
  ])
})
