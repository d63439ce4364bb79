import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCourseKey } from '../../../core/course/key.ts'
import type { EnrollmentCommand } from '../../../core/enrollment/command.ts'
import { decide, type Decision, type Facts } from '../../../core/enrollment/decide.ts'
import type { Policy } from '../../../core/policy.ts'
import { mode } from './situations.ts'

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

const slug = fc.constantFrom('audit', 'honor', 'verified', 'credit', 'professional', '', '__proto__')
const instant = fc.constantFrom('2026-01-01T00:00:00Z', '2026-02-01T00:00:00.000001Z', '2026-03-01T00:00:00Z')
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('credit', 'provider_id', '__proto__'))
const key = fc.constantFrom('course-v1:a+b+c', 'a/b/c', 'no key', '').map(parseCourseKey)
const attribute = fc.record({ namespace: text, name: text, value: text }, { requiredKeys: [] })
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 2 })

const command: fc.Arbitrary<EnrollmentCommand> = fc.record({
  learner: fc.oneof(
    text.map((username) => ({ username })),
    text.map((email) => ({ email })),
    text.map((userId) => ({ userId })),
  ),
  courseId: text,
  path: fc.constantFrom('enroll', 'replace', 'change', 'post', 'admit'),
  mode: maybe(slug),
  isActive: maybe(fc.boolean()),
  activeFirst: fc.boolean(),
  force: fc.boolean(),
  expiredModeWhenAdding: fc.boolean(),
  expiredModeWhenChanging: fc.boolean(),
  attributes: maybe(fc.array(attribute, { maxLength: 2 })),
  expectedVersion: fc.option(fc.constantFrom(1, 2), { freq: 1 }),
  enterpriseUuid: maybe(text),
  reason: maybe(text),
})

const facts: fc.Arbitrary<Facts> = fc.record({
  courseKey: key,
  learner: fc.option(
    fc.record({
      id: fc.constantFrom(1, 2),
      userId: fc.constantFrom(7, 8),
      username: text,
      isActive: fc.boolean(),
      isStaff: fc.boolean(),
      isSuperuser: fc.boolean(),
      isCourseTeam: fc.boolean(),
      takesNoSeat: fc.boolean(),
    }),
    { freq: 9 },
  ),
  course: fc.option(
    fc.record({
      id: fc.constant(1),
      owner: fc.constantFrom('here', 'leaving', 'lms'),
      enrollmentStart: maybe(instant),
      enrollmentEnd: maybe(instant),
      invitationOnly: fc.boolean(),
      deprecatedKey: fc.boolean(),
      maxEnrollments: maybe(fc.nat(3)),
      modes: fc.array(fc.tuple(slug, maybe(instant)), { maxLength: 4 }).map((all) => all.map((one) => mode(...one))),
    }),
    { freq: 9 },
  ),
  enrollment: maybe(
    fc.record({
      id: fc.constant('1'),
      version: fc.constantFrom(1, 2),
      mode: slug,
      isActive: fc.boolean(),
      created: instant,
      updated: instant,
    }),
  ),
  newEnrollmentId: fc.constant('2'),
  allowance: maybe(fc.record({ id: fc.constant(1), claimedBy: maybe(fc.constantFrom(1, 2)) })),
  seatsTaken: fc.nat(4),
})

// Filters are functions, which cannot be copied to compare: `decide-filter.test.ts` is about them.
const policy: fc.Arbitrary<Policy> = fc.record({ defaultMode: slug, legacyKeysInvitationOnly: fc.boolean() })
const now = instant.map((text) => new Date(text))
const cases = fc.record({ command, facts, policy, now })
