import { describe, expect, test } from 'vitest'
import { decide } from '../../../core/enrollment/decide.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { enrollCommand, replaceCommand } from '../../support/commands.ts'
import { BEFORE, NOW, facts, inWords, mode, type Situation } from './situations.ts'

const CLOSED = { course: { enrollmentEnd: BEFORE } }
const FULL = { course: { maxEnrollments: 5 }, seatsTaken: 5 }
const EXPIRED = { course: { modes: [mode('audit'), mode('verified', BEFORE)] } }

type Row = [enrollment: string | null, wish: Parameters<typeof enrollCommand>[0], answer: string, situation?: Situation]

describe('a learner without an enrollment', () => {
  test.each<Row>([
    [null, {}, 'created active audit'],
    [null, { mode: 'verified' }, 'created active verified'],
    [null, { isActive: false }, 'created inactive audit'],
    [null, { isActive: false, mode: 'verified' }, 'created inactive verified'],
    [null, { mode: 'verified' }, 'refused modeUnavailable', EXPIRED],
    [null, { mode: 'verified', isActive: false }, 'created inactive verified', EXPIRED],
    [null, {}, 'refused enrollmentClosed', CLOSED],
    [null, { isActive: false }, 'refused enrollmentClosed', CLOSED],
    [null, {}, 'refused courseFull', FULL],
    [null, { isActive: false }, 'refused courseFull', FULL],
  ])('%s asks for %o: %s', expectSameForBoth)
})

describe('keep (the function of the ADR)', () => {
  test.each<Row>([
    ['active audit', {}, 'unchanged active audit'],
    ['active audit', { mode: 'verified' }, 'unchanged active audit'],
    ['active verified', {}, 'unchanged active verified'],
    ['active verified', { isActive: false }, 'unchanged active verified'],
    ['active verified', {}, 'unchanged active verified', CLOSED],
    ['active verified', {}, 'unchanged active verified', FULL],
    ['active verified', { mode: 'verified' }, 'refused modeUnavailable', EXPIRED],
    ['inactive verified', {}, 'reactivated active audit'],
    ['inactive verified', { mode: 'honor' }, 'reactivated active honor'],
    ['inactive verified', {}, 'refused enrollmentClosed', CLOSED],
    ['inactive verified', {}, 'refused courseFull', FULL],
    ['inactive audit', { isActive: false }, 'unchanged inactive audit'],
    ['inactive audit', { isActive: false, mode: 'honor' }, 'modeChanged inactive honor'],
    ['inactive verified', { isActive: false }, 'modeChanged inactive audit'],
    ['inactive audit', { isActive: false }, 'refused enrollmentClosed', CLOSED],
    ['inactive audit', { isActive: false, mode: 'verified' }, 'modeChanged inactive verified', EXPIRED],
  ])('%s asks for %o: %s', (enrollment, wish, answer, situation) => {
    expect(inWords(decided(enrollCommand(wish), enrollment, situation))).toBe(answer)
  })
})

describe('update (what its successor does)', () => {
  test.each<Row>([
    ['active audit', {}, 'unchanged active audit'],
    ['active audit', { mode: 'audit' }, 'unchanged active audit'],
    ['active audit', { mode: 'verified' }, 'modeChanged active verified'],
    ['active verified', {}, 'unchanged active verified'],
    ['active verified', { mode: 'audit' }, 'modeChanged active audit'],
    ['active verified', { isActive: false }, 'deactivated inactive verified'],
    ['active verified', { isActive: false, mode: 'audit' }, 'deactivated inactive audit'],
    ['inactive verified', {}, 'reactivated active verified'],
    ['inactive verified', { mode: 'audit' }, 'reactivated active audit'],
    ['inactive verified', { isActive: false }, 'unchanged inactive verified'],
    ['inactive verified', { isActive: false, mode: 'audit' }, 'modeChanged inactive audit'],
    ['active audit', { mode: 'honor' }, 'modeChanged active honor', CLOSED],
    ['active audit', { mode: 'honor' }, 'modeChanged active honor', FULL],
    ['inactive audit', {}, 'reactivated active audit', CLOSED],
    ['inactive audit', {}, 'reactivated active audit', FULL],
    ['active audit', { mode: 'verified' }, 'refused modeUnavailable', EXPIRED],
    ['active audit', { mode: 'verified', isActive: false }, 'deactivated inactive verified', EXPIRED],
  ])('%s asks for %o: %s', (enrollment, wish, answer, situation) => {
    expect(inWords(decided(replaceCommand(wish), enrollment, situation))).toBe(answer)
  })
})

describe('force', () => {
  test.each<[lifts: string, situation: Situation, answer: string]>([
    ['lifts a window that has ended', CLOSED, 'created active audit'],
    [
      'lifts a window that has not begun',
      { course: { enrollmentStart: '2030-01-01T00:00:00Z' } },
      'created active audit',
    ],
    ['lifts the need of an invitation', { course: { invitationOnly: true } }, 'created active audit'],
    ['lifts an allowance of another account', { allowance: { id: 9, claimedBy: 99 } }, 'created active audit'],
    ['never lifts capacity', FULL, 'refused courseFull'],
  ])('%s', (_, situation, answer) => {
    const unforced = decided(enrollCommand(), null, situation)
    expect(unforced.ok).toBe(false)
    expect(inWords(decided(enrollCommand({ force: true }), null, situation))).toBe(answer)
    expect(inWords(decided(replaceCommand({ force: true }), null, situation))).toBe(answer)
  })

  test('never lifts the expiry of a mode through the typed door', () => {
    const forced = enrollCommand({ force: true, mode: 'verified' })
    expect(inWords(decided(forced, null, EXPIRED))).toBe('refused modeUnavailable')
  })

  test('reactivates into a closed course run, and changes nothing of an active enrollment', () => {
    const forced = enrollCommand({ force: true, mode: 'verified' })
    expect(inWords(decided(forced, 'inactive audit', CLOSED))).toBe('reactivated active verified')
    expect(inWords(decided(forced, 'active audit', CLOSED))).toBe('unchanged active audit')
  })
})

test('attributes are written with a change, and not where nothing changes', () => {
  const attributes = [{ namespace: 'order', name: 'order_number', value: 'EDX-1' }]
  const written = (command: ReturnType<typeof enrollCommand>, enrollment: string | null) =>
    decided({ ...command, attributes }, enrollment)
  expect(written(enrollCommand(), null)).toMatchObject({ kind: 'created', attributes })
  expect(written(enrollCommand(), 'inactive audit')).toMatchObject({ kind: 'reactivated', attributes })
  expect(written(enrollCommand(), 'active audit')).toMatchObject({ kind: 'unchanged', attributes: null })
  expect(written(replaceCommand({ mode: 'verified' }), 'active audit')).toMatchObject({
    kind: 'modeChanged',
    attributes,
  })
  expect(written(replaceCommand(), 'active audit')).toMatchObject({ kind: 'unchanged', attributes: null })
})

test('a refusal tells what was wrong', () => {
  const told = (wish: Parameters<typeof enrollCommand>[0], situation: Situation) => {
    const decision = decided(enrollCommand(wish), null, situation)
    return decision.ok ? null : decision.error.details
  }
  expect(told({}, FULL)).toEqual({ limit: 5 })
  expect(told({}, CLOSED)).toEqual({ because: 'ended' })
  expect(told({ mode: 'verified' }, EXPIRED)).toMatchObject({ mode: 'verified', available: ['audit'], expired: true })
  expect(told({ mode: 'credit' }, EXPIRED)).toMatchObject({ mode: 'credit', available: ['audit'], expired: false })
})

function expectSameForBoth(...[enrollment, wish, answer, situation]: Row): void {
  expect(inWords(decided(enrollCommand(wish), enrollment, situation))).toBe(answer)
  expect(inWords(decided(replaceCommand(wish), enrollment, situation))).toBe(answer)
}

function decided(command: ReturnType<typeof enrollCommand>, enrollment: string | null, situation: Situation = {}) {
  return decide(command, facts({ ...situation, enrollment }), defaultPolicy, NOW)
}
