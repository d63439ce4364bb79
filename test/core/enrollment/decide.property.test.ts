import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EnrollmentCommand } from '../../../core/enrollment/command.ts'
import { decide, type Decision, type Facts } from '../../../core/enrollment/decide.ts'
import { cases } from './any-case.ts'

const RUNS = { numRuns: 3_000 }

test('a decision is always made and holds together, whatever is asked and whatever is known', () => {
  fc.assert(
    fc.property(cases, ({ command, facts, policy, now }) => {
      const decision = decide(command, facts, policy, now)
      expect(decision.ok ? broken(decision, command, facts) : untold(decision)).toEqual([])
    }),
    RUNS,
  )
})

test('the same question has the same answer and is left as it was', () => {
  fc.assert(
    fc.property(cases, ({ command, facts, policy, now }) => {
      // Writing to what is frozen would throw.
      const question = [deepFreeze(command), deepFreeze(facts), deepFreeze(policy), now] as const
      const copy = structuredClone(question)
      expect(decide(...question)).toEqual(decide(...question))
      expect(question).toEqual(copy)
    }),
    RUNS,
  )
})

test('what has been done is not done again', () => {
  fc.assert(
    fc.property(cases, ({ command, facts, policy, now }) => {
      const first = decide(command, facts, policy, now)
      fc.pre(first.ok && first.kind !== 'unchanged' && command.expectedVersion === null && command.path !== 'post')
      if (!first.ok) return
      const written = { id: '1', version: 9, created: now.toISOString(), updated: now.toISOString(), ...first.after }
      const seatsTaken = facts.seatsTaken + first.seats
      const again = decide(command, { ...facts, enrollment: written, seatsTaken }, policy, now)
      const nothing = { ok: true, kind: 'unchanged', after: first.after, seats: 0 }
      // Adding an inactive one goes through capacity each time; the legacy door looks there before «already active».
      const mayBeRefused = command.path === 'enroll' && (!command.activeFirst || !first.after.isActive)
      expect([nothing, mayBeRefused && { ok: false }]).toContainEqual(
        again.ok ? { ok: again.ok, kind: again.kind, after: again.after, seats: again.seats } : { ok: false },
      )
    }),
    { numRuns: 1_000 },
  )
})

/** The names of the rules that an accepted command breaks. */
function broken(decision: Extract<Decision, { ok: true }>, command: EnrollmentCommand, facts: Facts): string[] {
  const { kind, after, seats, claimsAllowance, attributes } = decision
  const before = facts.enrollment
  const taken = Number(after.isActive) - Number(before?.isActive ?? false)
  const looksAtSeats = command.path !== 'admit'
  const adds = command.path !== 'admit' && (kind === 'created' || (command.path === 'enroll' && kind !== 'unchanged'))
  return falseOf({
    'created is what was not there': (kind === 'created') === (before === null),
    'reactivated was inactive': (kind === 'reactivated') === (before?.isActive === false && after.isActive),
    'deactivated was active': (kind === 'deactivated') === (before?.isActive === true && !after.isActive),
    'another mode is another mode': kind !== 'modeChanged' || after.mode !== before?.mode,
    'unchanged is unchanged':
      kind !== 'unchanged' || (after.mode === before?.mode && after.isActive === before.isActive),
    'seats are counted': seats === (facts.learner?.takesNoSeat ? 0 : taken),
    'only an unclaimed allowance is claimed': !claimsAllowance || facts.allowance?.claimedBy === null,
    'attributes are those that were sent': attributes === null || attributes.length === command.attributes?.length,
    'nobody gets a seat back that is not there':
      command.path !== 'restore' || seats < 1 || facts.seatsTaken < (facts.course?.maxEnrollments ?? Infinity),
    'nothing is decided on another version': [null, before?.version ?? 0].includes(command.expectedVersion),
    'nobody is added to a full course run but by admission':
      !looksAtSeats || !adds || facts.seatsTaken < (facts.course?.maxEnrollments ?? Infinity),
  })
}

function untold({ error }: Extract<Decision, { ok: false }>): string[] {
  return falseOf({
    'it has a message': error.message.length > 10,
    'it survives JSON': isDeepStrictEqual(JSON.parse(JSON.stringify(error)), error),
  })
}

function falseOf(rules: Record<string, boolean>): string[] {
  return Object.keys(rules).filter((rule) => rules[rule] === false)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze)
  return value
}
