import { expect, test } from 'vitest'
import { decide } from '../../../core/enrollment/decide.ts'
import { defaultPolicy, type Policy } from '../../../core/policy.ts'
import { restoreCommand } from '../../support/commands.ts'
import { BEFORE, NOW, facts, inWords, mode, type Situation } from './situations.ts'

const full = { maxEnrollments: 5 }

test.each<[what: string, situation: Situation, answer: string]>([
  ['an inactive one', { enrollment: 'inactive verified' }, 'reactivated active audit'],
  ['one in another mode', { enrollment: 'active verified' }, 'modeChanged active audit'],
  ['one that is so already', { enrollment: 'active audit' }, 'unchanged active audit'],
  [
    'in an expired mode, after the window, without an invitation',
    {
      enrollment: 'inactive verified',
      course: { modes: [mode('audit', BEFORE)], enrollmentEnd: BEFORE, invitationOnly: true },
    },
    'reactivated active audit',
  ],
  [
    'in a mode that nobody offers',
    { enrollment: 'inactive verified', course: { modes: [] } },
    'reactivated active audit',
  ],
  ['where all seats are taken', { enrollment: 'inactive audit', course: full, seatsTaken: 5 }, 'refused courseFull'],
  ['into the last seat', { enrollment: 'inactive audit', course: full, seatsTaken: 4 }, 'reactivated active audit'],
  [
    'of somebody who takes no seat',
    { enrollment: 'inactive audit', course: full, seatsTaken: 5, learner: { takesNoSeat: true } },
    'reactivated active audit',
  ],
  ['that has its seat', { enrollment: 'active verified', course: full, seatsTaken: 5 }, 'modeChanged active audit'],
  ['in a course run of the LMS', { enrollment: 'inactive audit', course: { owner: 'lms' } }, 'refused ownedByLms'],
])('restores %s: %#', (_, situation, answer) => {
  expect(inWords(decide(restoreCommand(), facts(situation), defaultPolicy, NOW))).toBe(answer)
})

test('only the version that is expected is restored', () => {
  const situation = facts({ enrollment: 'inactive audit' })
  const decided = decide(restoreCommand({ expectedVersion: 2 }), situation, defaultPolicy, NOW)
  expect(decided).toMatchObject({ error: { code: 'versionConflict', details: { expected: 2, actual: 3 } } })
})

test('filters of the site are not asked: nobody is added', () => {
  const policy: Policy = {
    ...defaultPolicy,
    filters: [{ name: 'never', check: () => ({ veto: 'no' }) }],
  }
  const situation = facts({ enrollment: 'inactive audit' })
  expect(inWords(decide(restoreCommand(), situation, policy, NOW))).toBe('reactivated active audit')
})

test('expecting no enrollment finds out that there is one', () => {
  const enroll = restoreCommand({ path: 'enroll', expectedVersion: 0, activeFirst: true })
  expect(inWords(decide(enroll, facts({ enrollment: 'active audit' }), defaultPolicy, NOW))).toBe(
    'refused versionConflict',
  )
  expect(inWords(decide(enroll, facts({ enrollment: null }), defaultPolicy, NOW))).toBe('created active audit')
})
