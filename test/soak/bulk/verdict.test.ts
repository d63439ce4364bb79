import { expect, test } from 'vitest'
import { faultsOf, type JobOutcome } from './verdict.ts'

const GOOD: JobOutcome = {
  state: 'done',
  total: 10,
  done: 10,
  counts: { created: 7, unchanged: 1, courseFull: 2 },
  results: 10,
  digest: 'same',
  events: 7,
  enrollments: 7,
}

test('a job that ended as one that nobody disturbed has no fault', () => {
  expect(faultsOf(GOOD, { ...GOOD, counts: { courseFull: 2, unchanged: 1, created: 7 } }, [0.5, 29])).toEqual([])
})

test.each<[string, Partial<JobOutcome>, readonly number[], RegExp]>([
  ['that did not end', { state: 'running' }, [], /running/],
  ['that lost lines', { done: 9 }, [], /9 of 10 lines/],
  ['without a result of a line', { results: 9 }, [], /9 results/],
  ['that counted a line twice', { counts: { created: 8, unchanged: 1, courseFull: 2 } }, [], /add up/],
  ['that did a line twice', { events: 8 }, [], /8 events of 7 changes/],
  ['with two events of an enrollment', { enrollments: 6 }, [], /of 6 enrollments/],
  ['with other counts', { counts: { created: 7, unchanged: 2, courseFull: 1 } }, [], /counts are others/],
  ['with other results', { digest: 'other' }, [], /results are others/],
  ['that was left for too long', {}, [2, 31], /after 31 s/],
])('a job %s is noticed', (_, change, pauses, fault) => {
  expect(faultsOf({ ...GOOD, ...change }, GOOD, pauses).join('; ')).toMatch(fault)
})
