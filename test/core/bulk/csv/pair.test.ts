import { expect, test } from 'vitest'
import { pairKeyOf, sameOrContradicting } from '../../../../core/bulk/csv/pair.ts'
import type { CsvItem } from '../../../../core/bulk/csv/item.ts'

const alice: CsvItem = { username: 'alice', courseId: 'x' }

test.each<[CsvItem, CsvItem, boolean]>([
  [alice, { ...alice, mode: 'honor' }, true],
  [alice, { ...alice, courseId: 'y' }, false],
  [alice, { username: 'Alice', courseId: 'x' }, false],
  [alice, { email: 'alice', courseId: 'x' }, false],
  [{ email: 'A@X.org ', courseId: 'x' }, { email: 'a@x.org', courseId: 'x' }, true],
  [{ userId: '7', courseId: 'x' }, { userId: '07', courseId: 'x' }, true],
])('%j and %j are about one pair: %s', (a, b, isOne) => {
  expect(pairKeyOf(a) === pairKeyOf(b)).toBe(isOne)
})

test.each<[Partial<CsvItem>, Partial<CsvItem>, 'same' | 'contradicting']>([
  [{}, { reason: 'why' }, 'same'],
  [{}, { isActive: true }, 'same'],
  [{}, { isActive: false }, 'contradicting'],
  [{ mode: 'honor' }, { mode: 'audit' }, 'contradicting'],
  [{ mode: 'honor' }, {}, 'contradicting'],
  [{ cohort: 'a' }, { cohort: 'b' }, 'contradicting'],
  [{ attributes: [{ namespace: 'a', name: 'b', value: '1' }] }, {}, 'contradicting'],
])('%j and %j: %s', (a, b, verdict) => {
  expect(sameOrContradicting({ ...alice, ...a }, { ...alice, ...b })).toBe(verdict)
})
