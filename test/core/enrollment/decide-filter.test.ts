import { describe, expect, test } from 'vitest'
import type { EnrollmentCommand } from '../../../core/enrollment/command.ts'
import { decide } from '../../../core/enrollment/decide.ts'
import type { EnrollmentFilter, FilterAnswer, FilterRequest } from '../../../core/enrollment/filter.ts'
import { defaultPolicy, type Policy } from '../../../core/policy.ts'
import {
  admitCommand,
  changeCommand,
  enrollCommand,
  learnersPost,
  privilegedPost,
  replaceCommand,
} from '../../support/commands.ts'
import { BEFORE, NOW, facts, inWords, mode, type Situation } from './situations.ts'

const CLOSED = { course: { enrollmentEnd: BEFORE } }

describe('a veto', () => {
  test('refuses with the name of its filter and its reason', () => {
    const decision = decide(enrollCommand(), facts(), policyOf([NO]), NOW)
    expect(decision).toMatchObject({
      ok: false,
      error: { code: 'vetoed', message: 'Not today.', details: { by: 'no', message: 'Not today.' } },
    })
  })

  test.each<[door: string, command: EnrollmentCommand, enrollment: string | null]>([
    ['enroll', enrollCommand(), null],
    ['enroll, reactivating', enrollCommand(), 'inactive audit'],
    ['enroll, forced', enrollCommand({ force: true }), null],
    ['enroll, inactive', enrollCommand({ isActive: false }), null],
    ['update, new', replaceCommand(), null],
    ['the legacy door', learnersPost(), null],
    ['the legacy door, already active', learnersPost(), 'active audit'],
    ['the legacy door, privileged', privilegedPost(), null],
    ['the bulk door', admitCommand(), null],
  ])('holds where somebody is added: %s', (_, command, enrollment) => {
    expect(inWords(decide(command, facts({ enrollment }), policyOf([NO]), NOW))).toBe('refused vetoed')
    expect(inWords(decide(command, facts({ enrollment }), defaultPolicy, NOW))).not.toMatch(/^refused/)
  })

  test.each<[door: string, command: EnrollmentCommand, enrollment: string]>([
    ['keep, already active', enrollCommand(), 'active audit'],
    ['update', replaceCommand({ mode: 'verified' }), 'active audit'],
    ['change', changeCommand({ isActive: false }), 'active audit'],
    ['the legacy door, privileged, another mode', privilegedPost({ mode: 'verified' }), 'active audit'],
    ['the bulk door, already active', admitCommand(), 'active audit'],
  ])('is not asked where an enrollment is only changed: %s', (_, command, enrollment) => {
    expect(inWords(decide(command, facts({ enrollment }), policyOf([NO]), NOW))).not.toMatch(/^refused/)
  })

  test('comes after the mode and before the window', () => {
    expect(decided({}, [NO], learnersPost({ mode: 'masters' }))).toBe('refused modeUnavailable')
    expect(decided(CLOSED, [NO], learnersPost())).toBe('refused vetoed')
    expect(decided({ course: { maxEnrollments: 0 } }, [NO], learnersPost())).toBe('refused vetoed')
  })
})

describe('another mode', () => {
  test('is what is written', () => {
    expect(decided({}, [answering({ mode: 'honor' })])).toBe('created active honor')
    expect(decided({ enrollment: 'inactive audit' }, [answering({ mode: 'honor' })])).toBe('reactivated active honor')
  })

  test('has to be offered as well', () => {
    expect(decided({}, [answering({ mode: 'masters' })])).toBe('refused modeUnavailable')
    expect(decided({}, [answering({ mode: 'masters' })], admitCommand())).toBe('refused modeUnavailable')
    const expired = { course: { modes: [mode('audit'), mode('verified', BEFORE)] } }
    expect(decided(expired, [answering({ mode: 'verified' })])).toBe('refused modeUnavailable')
    expect(decided(expired, [answering({ mode: 'verified' })], enrollCommand({ isActive: false }))).toBe(
      'created inactive verified',
    )
  })

  test('is what the next filter sees; a veto ends the round', () => {
    const seen: FilterRequest[] = []
    const filters = [answering({ mode: 'honor' }), watching(seen), NO, watching(seen)]
    expect(decided({}, filters)).toBe('refused vetoed')
    expect(seen.map((request) => request.mode)).toEqual(['honor'])
  })
})

test('a filter sees who is added where, and how', () => {
  const seen: FilterRequest[] = []
  const command = enrollCommand({ courseId: 'course-v1:edX+DemoX+2026+branch@draft', isActive: null, reason: 'why' })
  decided({}, [watching(seen)], command)
  expect(seen).toEqual([
    {
      learner: { userId: '7', username: 'alice' },
      courseId: 'course-v1:edX+DemoX+2026',
      mode: 'audit',
      isActive: true,
      enterpriseUuid: null,
      reason: 'why',
    },
  ])
})

describe('a broken filter', () => {
  const broken: [what: string, check: () => unknown][] = [
    ['throws', () => raise(new Error('secret SQL'))],
    ['throws no error', () => raise(undefined)],
    ['answers a promise', async () => undefined],
    ['answers null', () => null],
    ['answers a text', () => 'no'],
    ['vetoes without words', () => ({ veto: 7 })],
    ['wants no mode', () => ({ mode: '' })],
    ['wants a mode that cannot be stored', () => ({ mode: 'a\0b' })],
    ['wants a mode that is too long', () => ({ mode: 'm'.repeat(101) })],
    ['answers an empty object', () => ({})],
  ]

  test.each(broken)('that %s refuses in neutral words and is reported', (_, check) => {
    const reported: string[] = []
    const filter = { name: 'broken', check: check as EnrollmentFilter['check'] }
    const policy: Policy = { ...defaultPolicy, filters: [filter], onFilterError: ({ name }) => reported.push(name) }
    expect(decide(enrollCommand(), facts(), policy, NOW)).toMatchObject({
      error: { code: 'vetoed', details: { by: 'broken', message: 'The enrollment was not allowed.' } },
    })
    expect(reported).toEqual(['broken'])
  })

  test('refuses as well where nobody is told, or where telling fails', () => {
    const filter = { name: 'broken', check: () => raise(new Error('secret')) }
    const policy = policyOf([filter])
    expect(inWords(decide(enrollCommand(), facts(), policy, NOW))).toBe('refused vetoed')
    const deaf = { ...policy, onFilterError: () => raise(new Error('no log')) }
    expect(inWords(decide(enrollCommand(), facts(), deaf, NOW))).toBe('refused vetoed')
  })
})

const NO: EnrollmentFilter = { name: 'no', check: () => ({ veto: 'Not today.' }) }

function answering(answer: FilterAnswer): EnrollmentFilter {
  return { name: 'answering', check: () => answer }
}

function watching(seen: FilterRequest[]): EnrollmentFilter {
  return { name: 'watching', check: (request) => void seen.push(request) }
}

function policyOf(filters: EnrollmentFilter[]): Policy {
  return { ...defaultPolicy, filters }
}

function decided(situation: Situation, filters: EnrollmentFilter[], command = enrollCommand()): string {
  return inWords(decide(command, facts(situation), policyOf(filters), NOW))
}

function raise(what: Error | undefined): never {
  throw what
}
