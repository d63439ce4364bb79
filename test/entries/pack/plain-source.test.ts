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

test('so are imports, and lines that hold nothing but types; types beside code stay', () => {
  const source = [
    `import type { One } from './one.ts'`,
    `import { two, type Two } from './two.ts'`,
    'export interface Three {',
    '  /** Of both. */',
    '  readonly one: One',
    '}',
    'type Four = Two | null',
    'export function four(one: One): Four {',
    '  const text = `',
    'type One = 1',
    '`',
    '  return two(one, text) satisfies Four',
    '}',
  ].join('\n')
  expect(plainSource(source).split('\n')).toEqual([
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    'export function four(one: One): Four {',
    '  const text = `',
    'type One = 1',
    '`',
    '  return two(one, text) satisfies Four',
    '}',
  ])
})
