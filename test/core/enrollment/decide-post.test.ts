import { describe, expect, test } from 'vitest'
import { decide } from '../../../core/enrollment/decide.ts'
import { defaultPolicy } from '../../../core/policy.ts'
import { learnersPost, privilegedPost } from '../../support/commands.ts'
import { BEFORE, NOW, facts, inWords, mode, type Situation } from './situations.ts'

type Wish = Parameters<typeof privilegedPost>[0]
type Row = [enrollment: string | null, wish: Wish, answer: string]

describe('any caller, no enrollment: it is created (rest-v1 §3.2)', () => {
  test.each<Row>([
    [null, {}, 'created active audit'],
    [null, { mode: 'honor' }, 'created active honor'],
    [null, { isActive: true }, 'created active audit'],
    [null, { isActive: false }, 'created inactive audit'],
    [null, { isActive: false, mode: 'honor' }, 'created inactive honor'],
  ])('%s asked for %o: %s', (enrollment, wish, answer) => {
    expect(inWords(decided(learnersPost(wish), { enrollment }))).toBe(answer)
    expect(inWords(decided(privilegedPost(wish), { enrollment }))).toBe(answer)
  })
})

describe('a learner', () => {
  test.each<Row>([
    ['inactive verified', {}, 'reactivated active audit'],
    ['inactive verified', { mode: 'honor' }, 'reactivated active honor'],
    ['inactive verified', { isActive: true }, 'reactivated active audit'],
    ['inactive verified', { isActive: false }, 'modeChanged inactive audit'],
    ['inactive audit', { isActive: false }, 'unchanged inactive audit'],
    ['active verified', {}, 'unchanged active verified'],
    ['active verified', { mode: 'audit' }, 'unchanged active verified'],
    ['active verified', { isActive: false }, 'unchanged active verified'],
    ['active verified', { mode: 'audit', isActive: false }, 'unchanged active verified'],
  ])('%s asked for %o: %s', (enrollment, wish, answer) => {
    expect(inWords(decided(learnersPost(wish), { enrollment }))).toBe(answer)
  })
})

describe('a privileged caller', () => {
  test.each<Row>([
    ['active verified', {}, 'unchanged active verified'],
    ['active verified', { mode: 'verified' }, 'unchanged active verified'],
    ['active verified', { isActive: true }, 'unchanged active verified'],
    ['active verified', { mode: 'audit' }, 'modeChanged active audit'],
    ['active audit', { mode: 'verified' }, 'modeChanged active verified'],
    ['active audit', { mode: 'verified', isActive: true }, 'modeChanged active verified'],
    ['active verified', { isActive: false }, 'deactivated inactive verified'],
    ['active verified', { isActive: false, mode: 'verified' }, 'deactivated inactive verified'],
    ['active verified', { isActive: false, mode: 'audit' }, 'refused modeMismatch'],
    ['inactive verified', { isActive: true }, 'reactivated active verified'],
    ['inactive verified', { isActive: true, mode: 'audit' }, 'reactivated active audit'],
    ['inactive verified', {}, 'reactivated active audit'],
    ['inactive verified', { mode: 'verified' }, 'reactivated active verified'],
    ['inactive verified', { mode: 'audit' }, 'modeChanged inactive audit'],
    ['inactive verified', { isActive: false, mode: 'verified' }, 'unchanged inactive verified'],
    ['inactive verified', { isActive: false, mode: 'audit' }, 'modeChanged inactive audit'],
    ['inactive verified', { isActive: false, mode: 'masters' }, 'refused modeUnavailable'],
  ])('%s asked for %o: %s', (enrollment, wish, answer) => {
    expect(inWords(decided(privilegedPost(wish), { enrollment }))).toBe(answer)
  })

  // The sixteen of rest-v1 §5.1 45-60.
  const modes = ['honor', 'verified']
  const sixteen = modes.flatMap((old) =>
    modes.flatMap((wanted) =>
      [true, false].flatMap((was) => [true, false].map((asked) => ({ old, wanted, was, asked }))),
    ),
  )
  test.each(sixteen)('gets from $old to $wanted, from $was to $asked, but never both ways at once', (row) => {
    const { old, wanted, was, asked } = row
    const enrollment = `${was ? 'active' : 'inactive'} ${old}`
    const decision = decided(privilegedPost({ mode: wanted, isActive: asked }), { enrollment })
    const mismatch = old !== wanted && was && !asked
    expect(decision).toMatchObject(
      mismatch ? { error: { code: 'modeMismatch' } } : { ok: true, after: { mode: wanted, isActive: asked } },
    )
  })
})

describe('the two paths of a privileged POST', () => {
  const shut = { course: { enrollmentEnd: BEFORE, maxEnrollments: 0 } }

  test.each<Row>([
    ['active audit', {}, 'refused enrollmentClosed'],
    ['active audit', { isActive: true, mode: 'audit' }, 'refused enrollmentClosed'],
    ['inactive audit', {}, 'refused enrollmentClosed'],
    ['inactive audit', { isActive: true }, 'reactivated active audit'],
    ['active audit', { mode: 'verified' }, 'modeChanged active verified'],
    ['active audit', { isActive: false }, 'deactivated inactive audit'],
  ])('%s asked for %o in a closed and full course run: %s', (enrollment, wish, answer) => {
    expect(inWords(decided(privilegedPost(wish), { ...shut, enrollment }))).toBe(answer)
  })

  const expired = { course: { modes: [mode('audit'), mode('verified', BEFORE)] } }

  test.each<Row>([
    [null, { mode: 'verified' }, 'refused modeUnavailable'],
    [null, { mode: 'verified', expiredModeWhenChanging: true }, 'refused modeUnavailable'],
    [null, { mode: 'verified', expiredModeWhenAdding: true }, 'created active verified'],
    [null, { mode: 'verified', isActive: false }, 'created inactive verified'],
    ['active audit', { mode: 'verified' }, 'refused modeUnavailable'],
    ['active audit', { mode: 'verified', expiredModeWhenAdding: true }, 'refused modeUnavailable'],
    ['active audit', { mode: 'verified', expiredModeWhenChanging: true }, 'modeChanged active verified'],
    ['active verified', { mode: 'verified', isActive: false }, 'deactivated inactive verified'],
  ])('%s asked for %o of which verified has expired: %s', (enrollment, wish, answer) => {
    expect(inWords(decided(privilegedPost(wish), { ...expired, enrollment }))).toBe(answer)
  })

  test('force means nothing to a change', () => {
    const wish = { force: true, mode: 'masters' }
    expect(inWords(decided(privilegedPost(wish), { enrollment: 'active audit' }))).toBe('refused modeUnavailable')
  })
})

test('a learner who asks a course run of only professional for audit is refused for the mode', () => {
  const professional = { course: { modes: [mode('professional')] } }
  expect(decided(learnersPost({ mode: 'audit' }), professional)).toMatchObject({
    error: { code: 'modeUnavailable', details: { available: ['professional'] } },
  })
})

test('attributes are written with every change and with none that was not made (rest-v1 §1.8)', () => {
  const attributes = [{ namespace: 'order', name: 'order_number', value: 'EDX-1' }]
  const written = (enrollment: string | null, wish: Wish) =>
    decided(privilegedPost({ ...wish, attributes }), { enrollment })
  expect(written(null, {})).toMatchObject({ kind: 'created', attributes })
  expect(written('inactive audit', {})).toMatchObject({ kind: 'reactivated', attributes })
  expect(written('active audit', { mode: 'verified' })).toMatchObject({ kind: 'modeChanged', attributes })
  expect(written('active audit', {})).toMatchObject({ kind: 'unchanged', attributes: null })
})

test('the enterprise is told of what is added, and not of what is changed (rest-v1 §1.7)', () => {
  const told = (enrollment: string | null, wish: Wish) =>
    decided(privilegedPost({ ...wish, enterpriseUuid: 'None' }), { enrollment })
  expect(told(null, {})).toMatchObject({ kind: 'created', enterpriseUuid: 'None' })
  expect(told('inactive audit', {})).toMatchObject({ kind: 'reactivated', enterpriseUuid: 'None' })
  expect(told('inactive audit', { isActive: true })).toMatchObject({ kind: 'reactivated', enterpriseUuid: null })
  expect(told('active audit', { mode: 'verified' })).toMatchObject({ kind: 'modeChanged', enterpriseUuid: null })
})

function decided(command: ReturnType<typeof privilegedPost>, situation: Situation) {
  return decide(command, facts(situation), defaultPolicy, NOW)
}
