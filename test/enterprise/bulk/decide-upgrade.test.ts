import { expect, test } from 'vitest'
import { decideUpgrade } from '../../../enterprise/bulk/decide-upgrade.ts'

const enrollment = (mode: string, isActive: boolean) => ({
  id: '1',
  version: 1,
  userId: '7',
  username: 'ann',
  courseId: 'c',
  mode,
  isActive,
  created: '',
  updated: '',
})

test.each<[has: string | null, isActive: boolean, asked: string, does: string]>([
  [null, false, 'audit', 'add'],
  ['verified', false, 'audit', 'change'],
  ['audit', false, 'audit', 'change'],
  ['audit', true, 'verified', 'change'],
  ['honor', true, 'professional', 'change'],
  ['audit', true, 'audit', 'keep'],
  ['audit', true, 'honor', 'keep'],
  ['verified', true, 'verified', 'keep'],
  ['verified', true, 'professional', 'keep'],
  ['masters', true, 'audit', 'keep'],
  ['verified', true, 'audit', 'refuse'],
  ['professional', true, 'honor', 'refuse'],
])('of %s (active: %s) to %s: %s', (has, isActive, asked, does) => {
  expect(decideUpgrade(has === null ? null : enrollment(has, isActive), asked).does).toBe(does)
})

test('a downgrade is told in the words of the original', () => {
  expect(decideUpgrade(enrollment('verified', true), 'audit')).toMatchObject({
    refusal: {
      code: 'modeDowngrade',
      details: { courseId: 'c', activeMode: 'verified', requestedMode: 'audit' },
      message: 'The user is already enrolled in the course c in verified mode and cannot be enrolled in audit mode',
    },
  })
})
