import { expect, test } from 'vitest'
import { decide } from '../../../core/enrollment/decide.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { admitCommand, enrollCommand } from '../../support/commands.ts'
import { AFTER, BEFORE, NOW, facts, inWords, mode, type Situation } from './situations.ts'

const OBSTACLES: [obstacle: string, situation: Situation][] = [
  ['the window has not opened', { course: { enrollmentStart: AFTER } }],
  ['the window is over', { course: { enrollmentEnd: BEFORE } }],
  ['only the invited may come', { course: { invitationOnly: true } }],
  ['the invitation was used by another account', { allowance: { id: 1, claimedBy: 99 } }],
  ['all seats are taken', { course: { maxEnrollments: 5 }, seatsTaken: 5 }],
]

test.each(OBSTACLES)('admits although %s', (_, situation) => {
  expect(decided(situation, admitCommand())).toBe('created active audit')
  expect(decided(situation, enrollCommand())).toMatch(/^refused/)
})

test.each<[enrollment: string | null, answer: string]>([
  [null, 'created active audit'],
  ['inactive verified', 'reactivated active audit'],
  ['active verified', 'unchanged active verified'],
])('%s becomes: %s', (enrollment, answer) => {
  expect(decided({ enrollment }, admitCommand())).toBe(answer)
})

test.each([
  ['honor where nothing else is offered', [{ ...mode('honor'), minPrice: 50 }], 'created active honor'],
  ['the default, offered or not', [mode('verified')], 'created active audit'],
])('the mode is %s', (_, modes, answer) => {
  expect(decided({ course: { modes } }, admitCommand())).toBe(answer)
})

test('an unclaimed invitation is claimed, and seats are counted', () => {
  const allowed = facts({ allowance: { id: 1, claimedBy: null } })
  expect(decide(admitCommand(), allowed, defaultPolicy, NOW)).toMatchObject({ claimsAllowance: true, seats: 1 })
})

function decided(situation: Situation, command = admitCommand()): string {
  return inWords(decide(command, facts(situation), defaultPolicy, NOW))
}
