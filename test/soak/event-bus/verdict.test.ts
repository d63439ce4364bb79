import { describe, expect, test } from 'vitest'
import { expectedEntries, verdictOn, type Change, type Entry } from './verdict.ts'

const changes: Change[] = ['created', 'modeChanged', 'deactivated', 'reactivated'].map((kind, index) => ({
  id: String(index),
  kind,
  username: 'bob',
  mode: 'audit',
  isActive: kind !== 'deactivated',
}))
const expected = expectedEntries(changes, 'enrollments')
const RIGHT = { missing: 0, doubled: 0, unknown: 0, outOfOrder: 0, wrong: 0 }

describe('the verdict on a stream', () => {
  test('is good where each entry is there once and in order', () => {
    expect(expected.map(({ type }) => type.split('.').at(-2))).toEqual([
      'changed',
      'created',
      'changed',
      'changed',
      'changed',
      'created',
    ])
    expect(verdictOn(expected, expected)).toEqual(RIGHT)
    expect(expectedEntries(changes, 'unenrollments')).toHaveLength(1)
  })

  test.each<[string, (entries: Entry[]) => Entry[], Partial<typeof RIGHT>]>([
    ['one is missing', (all) => all.toSpliced(2, 1), { missing: 1 }],
    ['the last is missing', (all) => all.slice(0, -1), { missing: 1 }],
    ['one is there twice', (all) => all.toSpliced(3, 0, ...all.slice(3, 4)), { doubled: 1 }],
    ['two have changed places', (all) => swapped(all), { outOfOrder: 1 }],
    ['one is of nothing that happened', (all) => [...all, { ...at(all, 0), id: 'other' }], { unknown: 1 }],
    ['one says something else', (all) => all.with(1, { ...at(all, 1), mode: 'honor' }), { wrong: 1 }],
    ['one is of another type', (all) => all.with(1, { ...at(all, 1), type: 'other' }), { wrong: 1 }],
  ])('tells where %s', (_, change, verdict) => {
    expect(verdictOn(expected, change(expected))).toEqual({ ...RIGHT, ...verdict })
  })
})

function swapped(entries: readonly Entry[]): Entry[] {
  return entries.with(1, at(entries, 2)).with(2, at(entries, 1))
}

function at(entries: readonly Entry[], index: number): Entry {
  const entry = entries[index]
  if (entry === undefined) throw new RangeError('There is no such entry')
  return entry
}
