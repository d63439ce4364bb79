import { describe, expect, test } from 'vitest'
import { decide } from '../../../core/enrollment/decide.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { changeCommand } from '../../support/commands.ts'
import { AFTER, BEFORE, NOW, facts, inWords, mode, type Situation } from './situations.ts'

type Wish = Parameters<typeof changeCommand>[0]

test.each<[enrollment: string, wish: Wish, answer: string]>([
  ['active audit', { mode: 'verified' }, 'modeChanged active verified'],
  ['active verified', { mode: 'audit' }, 'modeChanged active audit'],
  ['active audit', { mode: 'audit' }, 'unchanged active audit'],
  ['active audit', { isActive: true }, 'unchanged active audit'],
  ['active audit', { isActive: false }, 'deactivated inactive audit'],
  ['active audit', { isActive: false, mode: 'audit' }, 'deactivated inactive audit'],
  ['active audit', { isActive: false, mode: 'verified' }, 'refused modeMismatch'],
  ['inactive audit', { isActive: true }, 'reactivated active audit'],
  ['inactive audit', { isActive: true, mode: 'verified' }, 'reactivated active verified'],
  ['inactive audit', { mode: 'verified' }, 'modeChanged inactive verified'],
  ['inactive audit', { isActive: false }, 'unchanged inactive audit'],
  ['inactive audit', { isActive: false, mode: 'verified' }, 'modeChanged inactive verified'],
  ['active audit', { mode: 'masters' }, 'refused modeUnavailable'],
])('%s changed by %o: %s', (enrollment, wish, answer) => {
  expect(inWords(decided({ enrollment }, wish))).toBe(answer)
})

test('what does not exist cannot be changed', () => {
  expect(decided({ enrollment: null }, { mode: 'audit' })).toMatchObject({
    error: { code: 'notEnrolled', details: { courseId: 'course-v1:edX+DemoX+2026' } },
  })
})

test('neither window nor capacity nor allowance matters to a change', () => {
  const shut: Situation = {
    enrollment: 'inactive audit',
    course: { enrollmentEnd: BEFORE, invitationOnly: true, maxEnrollments: 0 },
    allowance: { id: 9, claimedBy: null },
  }
  expect(decided(shut, { isActive: true })).toMatchObject({ kind: 'reactivated', seats: 1, claimsAllowance: false })
})

test('a mismatch tells the mode that is and the mode that was asked', () => {
  expect(decided({ enrollment: 'active verified' }, { mode: 'audit', isActive: false })).toMatchObject({
    error: { code: 'modeMismatch', details: { activeMode: 'verified', requestedMode: 'audit' } },
  })
})

describe('the version', () => {
  test('that is expected lets the change pass', () => {
    expect(decided({ enrollment: 'active audit' }, { mode: 'verified', expectedVersion: 3 }).ok).toBe(true)
  })

  test.each([2, 4])('%i is not the one that is there', (expectedVersion) => {
    expect(decided({ enrollment: 'active audit' }, { mode: 'verified', expectedVersion })).toMatchObject({
      error: { code: 'versionConflict', details: { expected: expectedVersion, actual: 3 } },
    })
  })

  test('is held against a change that would change nothing as well', () => {
    expect(inWords(decided({ enrollment: 'active audit' }, { mode: 'audit', expectedVersion: 2 }))).toBe(
      'refused versionConflict',
    )
  })
})

describe('a mode that has expired', () => {
  const expired = { course: { modes: [mode('audit'), mode('verified', BEFORE)] } }

  test.each<[enrollment: string, wish: Wish, answer: string]>([
    ['active audit', { mode: 'verified' }, 'refused modeUnavailable'],
    ['active audit', { mode: 'verified', expiredModeWhenChanging: true }, 'modeChanged active verified'],
    ['active audit', { mode: 'verified', expiredModeWhenAdding: true }, 'refused modeUnavailable'],
    ['active verified', { mode: 'verified', isActive: false }, 'deactivated inactive verified'],
    ['inactive audit', { mode: 'verified', isActive: false }, 'modeChanged inactive verified'],
    ['inactive verified', { mode: 'verified', isActive: true }, 'refused modeUnavailable'],
    ['inactive verified', { isActive: true }, 'reactivated active verified'],
    ['active audit', { mode: 'masters', expiredModeWhenChanging: true }, 'refused modeUnavailable'],
  ])('%s changed by %o: %s', (enrollment, wish, answer) => {
    expect(inWords(decided({ ...expired, enrollment }, wish))).toBe(answer)
  })

  test('is no longer offered one second after its last instant, and still offered at it', () => {
    const until = (expires: string) =>
      inWords(
        decided({ course: { modes: [mode('verified', expires)] }, enrollment: 'active audit' }, { mode: 'verified' }),
      )
    expect(until(BEFORE)).toBe('refused modeUnavailable')
    expect(until(NOW.toISOString())).toBe('modeChanged active verified')
    expect(until(AFTER)).toBe('modeChanged active verified')
  })
})

describe('attributes', () => {
  const order = { namespace: 'order', name: 'order_number', value: 'EDX-1' }
  const provider = { namespace: 'credit', name: 'provider_id', value: 'hogwarts' }
  const withCredit = { course: { modes: [mode('audit'), mode('credit')] }, enrollment: 'active audit' }

  test('alone are a change that leaves mode and activation', () => {
    expect(decided(withCredit, { attributes: [order] })).toMatchObject({
      kind: 'unchanged',
      after: { mode: 'audit', isActive: true },
      attributes: [order],
    })
  })

  test('absent ones are left as they are, an empty list deletes them', () => {
    expect(decided(withCredit, { mode: 'credit' })).toMatchObject({ attributes: null })
    expect(decided(withCredit, { mode: 'credit', attributes: [] })).toMatchObject({ attributes: [] })
  })

  test('that are sent for credit have to name the provider', () => {
    expect(decided(withCredit, { mode: 'credit', attributes: [order] })).toMatchObject({
      error: {
        code: 'missingAttributes',
        details: { mode: 'credit', required: ['credit:provider_id'], missing: ['credit:provider_id'] },
      },
    })
    expect(decided(withCredit, { mode: 'credit', attributes: [order, provider] }).ok).toBe(true)
    expect(decided(withCredit, { mode: 'audit', attributes: [order] }).ok).toBe(true)
  })

  test.each(['namespace', 'name', 'value'] as const)('without a %s are refused', (missing) => {
    expect(decided(withCredit, { attributes: [order, { ...order, [missing]: undefined }] })).toMatchObject({
      error: { code: 'invalidAttribute', details: { missing } },
    })
  })

  test('with empty texts are complete', () => {
    expect(decided(withCredit, { attributes: [{ namespace: '', name: '', value: '' }] }).ok).toBe(true)
  })
})

function decided(situation: Situation, wish: Wish) {
  return decide(changeCommand(wish), facts(situation), defaultPolicy, NOW)
}
