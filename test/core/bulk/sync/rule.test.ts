import { expect, test } from 'vitest'
import { decideUnlisted, pathOfListed, removalLimit } from '../../../../core/bulk/sync/rule.ts'

test.each([
  // enrollment, listed mode, path
  [null, undefined, 'enroll'],
  [null, 'verified', 'enroll'],
  ['inactive audit', undefined, 'enroll'],
  ['inactive audit', 'verified', 'enroll'],
  ['inactive audit', 'audit', 'enroll'],
  ['active audit', undefined, 'enroll'],
  ['active audit', 'audit', 'enroll'],
  ['active audit', 'verified', 'replace'],
] as const)('%s, listed with %s: %s', (stored, mode, path) => {
  const [activation, storedMode = ''] = stored?.split(' ') ?? []
  const enrollment = stored === null ? null : { mode: storedMode, isActive: activation === 'active' }
  expect(pathOfListed(enrollment, mode)).toBe(path)
})

test.each([
  // team, funded, removeFunded, verdict
  [false, false, false, 'remove'],
  [false, false, true, 'remove'],
  [false, true, false, 'funded'],
  [false, true, true, 'remove'],
  [true, false, false, 'courseTeam'],
  [true, false, true, 'courseTeam'],
  [true, true, false, 'courseTeam'],
  [true, true, true, 'courseTeam'],
] as const)(
  'not listed, of the course team: %s, funded: %s, removeFunded: %s: %s',
  (isCourseTeam, isFunded, removesFunded, verdict) => {
    expect(decideUnlisted({ isCourseTeam, isFunded }, { removesFunded })).toBe(verdict)
  },
)

test.each([
  [undefined, 0, 5],
  [undefined, 10, 5],
  [undefined, 59, 5],
  [undefined, 60, 6],
  [undefined, 109, 10],
  ['10%', 10, 1],
  ['10%', 109, 10],
  ['50%', 7, 3],
  ['100%', 7, 7],
  ['0%', 1000, 0],
  [0, 1000, 0],
  [50, 7, 50],
])('with the limit %s of %i active learners %i may be removed', (maxRemovals, active, limit) => {
  expect(removalLimit({ maxRemovals }, active)).toBe(limit)
})
