import { describe, expect, test } from 'vitest'
import { decide } from '../../../core/enrollment/decide.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { changeCommand, enrollCommand, learnersPost, privilegedPost, replaceCommand } from '../../support/commands.ts'
import { BEFORE, NOW, facts, inWords, type Situation } from './situations.ts'

describe('a course run is full (rest-v1 §1.5)', () => {
  test.each([
    [null, 1_000_000, 'created active audit'],
    [5, 0, 'created active audit'],
    [5, 4, 'created active audit'],
    [5, 5, 'refused courseFull'],
    [5, 6, 'refused courseFull'],
    [0, 0, 'refused courseFull'],
  ])('with a limit of %s and %i seats taken: %s', (maxEnrollments, seatsTaken, answer) => {
    const situation = { course: { maxEnrollments }, seatsTaken }
    for (const command of [enrollCommand(), replaceCommand(), learnersPost(), privilegedPost()]) {
      expect(inWords(decided(command, situation))).toBe(answer)
    }
  })

  test.each([
    ['its staff, who take no seat', { learner: { takesNoSeat: true, isCourseTeam: true } }],
    ['global staff', { learner: { isStaff: true } }],
    ['a superuser', { learner: { isSuperuser: true } }],
    ['the holder of an allowance', { allowance: { id: 9, claimedBy: null } }],
  ])('also for %s', (_, situation) => {
    const full = { ...situation, course: { maxEnrollments: 5 }, seatsTaken: 5 }
    expect(inWords(decided(enrollCommand(), full))).toBe('refused courseFull')
    expect(inWords(decided(enrollCommand({ force: true }), full))).toBe('refused courseFull')
  })
})

describe('a change of the seats', () => {
  test.each<[what: string, command: ReturnType<typeof enrollCommand>, enrollment: string | null, seats: number]>([
    ['is one more for a new enrollment', enrollCommand(), null, 1],
    ['is none for a new inactive one', enrollCommand({ isActive: false }), null, 0],
    ['is one more for a reactivation', enrollCommand(), 'inactive audit', 1],
    ['is one more for a reactivation by update', replaceCommand(), 'inactive audit', 1],
    ['is one more for a reactivation by change', changeCommand({ isActive: true }), 'inactive audit', 1],
    ['is one less for a deactivation', changeCommand({ isActive: false }), 'active audit', -1],
    ['is one less for a deactivation by update', replaceCommand({ isActive: false }), 'active audit', -1],
    ['is none for another mode', changeCommand({ mode: 'verified' }), 'active audit', 0],
    ['is none where nothing changes', enrollCommand(), 'active audit', 0],
  ])('%s', (_, command, enrollment, seats) => {
    expect(decided(command, { enrollment })).toMatchObject({ ok: true, seats })
    expect(decided(command, { enrollment, learner: { takesNoSeat: true } })).toMatchObject({ ok: true, seats: 0 })
  })
})

describe('an allowance is claimed (rest-v1 §1.9)', () => {
  const unclaimed = { id: 9, claimedBy: null }

  test.each<[when: string, situation: Situation, claimed: boolean]>([
    ['by its first user', { allowance: unclaimed }, true],
    ['by a reactivation', { allowance: unclaimed, enrollment: 'inactive audit' }, true],
    ['by one who would have needed none', { allowance: unclaimed, learner: { isStaff: true } }, true],
    ['never twice', { allowance: { id: 9, claimedBy: 1 } }, false],
    ['never where there is none', {}, false],
    ['never by one who is enrolled already', { allowance: unclaimed, enrollment: 'active audit' }, false],
  ])('%s', (_, situation, claimsAllowance) => {
    expect(decided(enrollCommand(), situation)).toMatchObject({ ok: true, claimsAllowance })
  })

  test('by one who is let in by force, but not taken from another account', () => {
    const forced = enrollCommand({ force: true })
    expect(decided(forced, { allowance: unclaimed })).toMatchObject({ claimsAllowance: true })
    expect(decided(forced, { allowance: { id: 9, claimedBy: 2 } })).toMatchObject({ claimsAllowance: false })
  })

  test('not by a change, and not by an update of what exists', () => {
    const situation = { allowance: unclaimed, enrollment: 'inactive audit', course: { enrollmentEnd: BEFORE } }
    expect(decided(changeCommand({ isActive: true }), situation)).toMatchObject({ claimsAllowance: false })
    expect(decided(replaceCommand(), situation)).toMatchObject({ claimsAllowance: false })
    expect(decided(privilegedPost({ isActive: true }), situation)).toMatchObject({ claimsAllowance: false })
  })

  test('not by one who is refused', () => {
    expect(decided(enrollCommand(), { allowance: unclaimed, course: { maxEnrollments: 0 } }).ok).toBe(false)
  })
})

function decided(command: ReturnType<typeof enrollCommand>, situation: Situation) {
  return decide(command, facts(situation), defaultPolicy, NOW)
}
