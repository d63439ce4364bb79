import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide } from '../../../core/enrollment/decide.ts'
import { explainRules, type Rule } from '../../../core/enrollment/explain.ts'
import type { EnrollmentFilter } from '../../../core/enrollment/filter.ts'
import type { Failure } from '../../../core/errors.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { enrollCommand, replaceCommand } from '../../support/commands.ts'
import { cases } from './any-case.ts'
import { AFTER, BEFORE, facts, mode, NOW, type Situation } from './situations.ts'

test('the first rule that refuses is the reason of the decision, and none refuses what is decided to be done', () => {
  fc.assert(
    fc.property(cases, fc.boolean(), ({ command: any, facts, policy, now }, keeps) => {
      const command = { ...any, path: keeps ? 'enroll' : 'replace', attributes: null, activeFirst: true } as const
      const decision = decide(command, facts, policy, now)
      const refusing = explainRules(command, facts, policy, now).find(({ verdict }) => verdict === 'refuses')
      expect(refusing?.rule).toBe(decision.ok ? undefined : ruleOf(decision.error))
    }),
    { numRuns: 3_000 },
  )
})

describe('each rule tells its facts', () => {
  test.each<[string, Situation, Rule['rule'], Rule['verdict'], string]>([
    ['window', { course: { enrollmentEnd: BEFORE } }, 'window', 'refuses', `until ${BEFORE} (now`],
    ['window before its start', { course: { enrollmentStart: AFTER } }, 'window', 'refuses', `from ${AFTER}`],
    [
      'window lifted by a role',
      { course: { enrollmentEnd: BEFORE }, learner: { isStaff: true } },
      'window',
      'passes',
      'lifted by a role of the learner',
    ],
    [
      'invitation lifted by an allowance',
      { course: { invitationOnly: true }, allowance: { id: 1, claimedBy: null } },
      'invitation',
      'passes',
      'by invitation only; lifted by the allowance',
    ],
    [
      'allowance of another',
      { allowance: { id: 1, claimedBy: 9 } },
      'allowance',
      'refuses',
      'another account has used',
    ],
    ['seats', { course: { maxEnrollments: 2 }, seatsTaken: 2 }, 'seats', 'refuses', '2 of 2 taken'],
    ['free seats', { course: { maxEnrollments: 2 }, seatsTaken: 1 }, 'seats', 'passes', '1 of 2 taken'],
    [
      'modes',
      { course: { modes: [mode('audit'), mode('honor', AFTER)] } },
      'mode',
      'passes',
      `audit (the default); offered: audit, honor until ${AFTER}`,
    ],
    [
      'somebody who is enrolled',
      { enrollment: 'active audit', course: { enrollmentEnd: BEFORE } },
      'window',
      'notAsked',
      BEFORE,
    ],
    [
      'roles',
      { learner: { isStaff: true, isActive: false } },
      'account',
      'passes',
      'alice, id 7, inactive, staff of the site',
    ],
  ])('%s', (_, situation, rule, verdict, says) => {
    const rules = explainRules(enrollCommand(), facts(situation), defaultPolicy, NOW)
    expect(rules.find((each) => each.rule === rule)).toMatchObject({ verdict, says: expect.stringContaining(says) })
  })

  test('filters, by the name of the one that refuses', () => {
    const filter: EnrollmentFilter = { name: 'one-organisation', check: () => ({ veto: 'Only courses of edX.' }) }
    const rules = explainRules(replaceCommand(), facts(), { ...defaultPolicy, filters: [filter] }, NOW)
    expect(rules.find(({ rule }) => rule === 'filters')).toEqual({
      rule: 'filters',
      verdict: 'refuses',
      says: 'one-organisation: Only courses of edX.',
    })
  })
})

function ruleOf(error: Failure): Rule['rule'] {
  if (error.code === 'enrollmentClosed') return CLOSED[error.details.because]
  const rule = RULES[error.code]
  if (rule === undefined) throw new Error(`No rule is about ${error.code}`)
  return rule
}

const CLOSED = {
  notStarted: 'window',
  ended: 'window',
  invitationOnly: 'invitation',
  allowanceTaken: 'allowance',
} as const

const RULES: Partial<Record<Failure['code'], Rule['rule']>> = {
  invalidCourseKey: 'courseRun',
  learnerNotFound: 'account',
  courseNotFound: 'courseRun',
  ownedByLms: 'owner',
  modeUnavailable: 'mode',
  courseFull: 'seats',
  vetoed: 'filters',
}
