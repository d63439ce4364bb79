import { describe, expect, test } from 'vitest'
import { closedFor, type ClosedFacts } from '../../../core/course/enrollment-closed.ts'
import { defaultPolicy } from '../../../core/policy.ts'

const NOW = new Date('2026-03-01T12:00:00Z')
const BEFORE = '2026-03-01T11:59:59.999Z'
const AFTER = '2026-03-01T12:00:00.001Z'

const OPEN: ClosedFacts = {
  course: { enrollmentStart: null, enrollmentEnd: null, invitationOnly: false, deprecatedKey: false },
  learner: { id: 1, isActive: true, isStaff: false, isSuperuser: false, isCourseTeam: false },
  allowance: null,
}

describe('the window', () => {
  test.each([
    ['unbounded', null, null, null],
    ['begun and not ended', BEFORE, AFTER, null],
    ['not begun', AFTER, null, 'notStarted'],
    ['beginning at this very instant', NOW.toISOString(), null, 'notStarted'],
    ['ended', null, BEFORE, 'ended'],
    ['ending at this very instant', null, NOW.toISOString(), 'ended'],
    ['ended before it begins', AFTER, BEFORE, 'notStarted'],
  ])('%s', (_, enrollmentStart, enrollmentEnd, because) => {
    expect(closed({ course: { enrollmentStart, enrollmentEnd } })).toBe(because)
  })
})

describe('by invitation only', () => {
  test('is a course run with that flag, also inside its window', () => {
    expect(closed({ course: { invitationOnly: true } })).toBe('invitationOnly')
    expect(closed({ course: { invitationOnly: true, enrollmentEnd: BEFORE } })).toBe('invitationOnly')
  })

  test('is a run with an old key where the site says so, and only there (rest-v1 D3)', () => {
    const course = { ...OPEN.course, deprecatedKey: true }
    const strictSite = { ...defaultPolicy, legacyKeysInvitationOnly: true }
    expect(closedFor({ ...OPEN, course }, strictSite, NOW)).toBe('invitationOnly')
    expect(closedFor({ ...OPEN, course }, defaultPolicy, NOW)).toBeNull()
    expect(closedFor(OPEN, strictSite, NOW)).toBeNull()
  })
})

describe('an allowance', () => {
  const shut = { invitationOnly: true, enrollmentStart: AFTER, enrollmentEnd: BEFORE }

  test.each([
    ['nobody has claimed lets in', null, null],
    ['this account has claimed lets in', 1, null],
    ['another account has claimed shuts out', 2, 'allowanceTaken'],
  ])('that %s', (_, claimedBy, because) => {
    expect(closed({ course: shut, allowance: { claimedBy } })).toBe(because)
  })

  test('of another account shuts out of an open course run, too, and shuts out staff', () => {
    const taken = { claimedBy: 2 }
    expect(closed({ allowance: taken })).toBe('allowanceTaken')
    expect(closed({ allowance: taken, learner: { isStaff: true } })).toBe('allowanceTaken')
    expect(closed({ allowance: taken, learner: { isCourseTeam: true } })).toBe('allowanceTaken')
  })
})

describe('staff', () => {
  const ways = [{ invitationOnly: true }, { enrollmentStart: AFTER }, { enrollmentEnd: BEFORE }]

  test.each([
    ['global staff', { isStaff: true }, true],
    ['inactive global staff', { isStaff: true, isActive: false }, true],
    ['the course team', { isCourseTeam: true }, true],
    ['an inactive member of the course team', { isCourseTeam: true, isActive: false }, false],
    ['a superuser', { isSuperuser: true }, true],
    ['an inactive superuser', { isSuperuser: true, isActive: false }, false],
    ['an inactive superuser who is staff', { isSuperuser: true, isStaff: true, isActive: false }, true],
    ['a learner', {}, false],
  ])('%s: may enter a closed course run: %s', (_, learner, mayEnter) => {
    for (const course of ways) expect(closed({ course, learner }) === null).toBe(mayEnter)
  })

  test('a superuser passes even where another account has taken the allowance', () => {
    expect(closed({ allowance: { claimedBy: 2 }, learner: { isSuperuser: true } })).toBeNull()
    expect(closed({ allowance: { claimedBy: 2 }, learner: { isSuperuser: true, isActive: false } })).toBe(
      'allowanceTaken',
    )
  })
})

test('an inactive account may enroll like any other', () => {
  expect(closed({ learner: { isActive: false } })).toBeNull()
})

interface Change {
  course?: Partial<ClosedFacts['course']>
  learner?: Partial<ClosedFacts['learner']>
  allowance?: ClosedFacts['allowance']
}

function closed({ course, learner, allowance = null }: Change) {
  const changed = { course: { ...OPEN.course, ...course }, learner: { ...OPEN.learner, ...learner }, allowance }
  return closedFor(changed, defaultPolicy, NOW)
}
