import fc from 'fast-check'
import { parseCourseKey } from '../../../core/course/key.ts'
import type { EnrollmentCommand } from '../../../core/enrollment/command.ts'
import type { Facts } from '../../../core/enrollment/decide.ts'
import type { Policy } from '../../../core/policy.ts'
import { mode } from './situations.ts'

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
  path: fc.constantFrom('enroll', 'replace', 'change', 'post', 'admit', 'restore'),
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
/** Anything that may be asked, whatever is known. */
export const cases = fc.record({ command, facts, policy, now })
