import { closedFor } from '../course/enrollment-closed.ts'
import { availableModes, defaultMode } from '../course/mode.ts'
import { modeUnavailable } from '../course/mode-unavailable.ts'
import { isOwnedHere } from '../course/owner.ts'
import { failure, type ClosedReason } from '../errors.ts'
import type { Policy } from '../policy.ts'
import type { EnrollmentCommand } from './command.ts'
import { mayBeExpired, type CourseFacts, type Facts, type LearnerFacts } from './decide.ts'
import { passFilters } from './filter.ts'

/** One rule of enrollment as it stands for a learner and a course run. */
export interface Rule {
  readonly rule:
    | 'account'
    | 'courseRun'
    | 'owner'
    | 'enrollment'
    | 'mode'
    | 'filters'
    | 'invitation'
    | 'allowance'
    | 'window'
    | 'seats'
  /** `notAsked`: nothing depends on it here, e.g. because the learner is enrolled already. */
  readonly verdict: 'passes' | 'refuses' | 'notAsked'
  /** The facts that it looks at, for people. */
  readonly says: string
}

/**
 * Names every rule that matters for adding somebody, with its facts, in the order in which they are asked: the first that
 * refuses is the reason. It decides nothing, `decide` does; each answer comes from the same function. Pure.
 *
 * @param command of path `enroll` or `replace`.
 */
export function explainRules(command: EnrollmentCommand, facts: Facts, policy: Policy, now: Date): Rule[] {
  const { courseKey, learner, course, enrollment } = facts
  if (courseKey === null) {
    const { message } = failure('invalidCourseKey', { courseId: command.courseId })
    return [{ rule: 'courseRun', verdict: 'refuses', says: message }]
  }
  const account = accountRule(command, learner)
  if (learner === null) return [account]
  if (course === null) {
    const { message } = failure('courseNotFound', { courseId: command.courseId })
    return [account, { rule: 'courseRun', verdict: 'refuses', says: message }]
  }
  const situation = { command, learner, course, facts, policy, now }
  const isKept = enrollment !== null && (enrollment.isActive || command.path === 'replace')
  const further = [filterRule(situation), ...closedRules(situation), seatsRule(situation)]
  return [
    account,
    { rule: 'courseRun', verdict: 'passes', says: courseKey.stored },
    ownerRule(course),
    modeRule(situation),
    { rule: 'enrollment', verdict: isKept ? 'passes' : 'notAsked', says: enrollmentWords(situation) },
    ...further.map((rule): Rule => (isKept ? { ...rule, verdict: 'notAsked' } : rule)),
  ]
}

interface Situation {
  readonly command: EnrollmentCommand
  readonly learner: LearnerFacts
  readonly course: CourseFacts
  readonly facts: Facts
  readonly policy: Policy
  readonly now: Date
}

function accountRule({ learner: asked }: EnrollmentCommand, learner: LearnerFacts | null): Rule {
  if (learner === null) return { rule: 'account', verdict: 'refuses', says: failure('learnerNotFound', asked).message }
  const roles = [
    learner.isActive ? 'active' : 'inactive',
    learner.isSuperuser && 'superuser',
    learner.isStaff && 'staff of the site',
    learner.isCourseTeam && 'staff of the course run',
  ]
  return {
    rule: 'account',
    verdict: 'passes',
    says: `${learner.username}, id ${learner.userId}, ${roles.filter(Boolean).join(', ')}`,
  }
}

function ownerRule(course: CourseFacts): Rule {
  if (isOwnedHere(course)) return { rule: 'owner', verdict: 'passes', says: 'this service' }
  const says = course.owner === 'lms' ? 'the LMS, which this service follows' : 'on its way to the LMS: nobody writes'
  return { rule: 'owner', verdict: 'refuses', says }
}

function modeRule({ command, course, policy, now }: Situation): Rule {
  const slug = command.mode ?? defaultMode(course.modes, policy, now)
  const unavailable = modeUnavailable(slug, course, mayBeExpired(command), policy, now)
  if (unavailable) return { rule: 'mode', verdict: 'refuses', says: unavailable.message }
  const offers = availableModes(course.modes, { includeExpired: mayBeExpired(command) }, policy, now)
  const words = offers.map((mode) => (mode.expires === null ? mode.slug : `${mode.slug} until ${mode.expires}`))
  const chosen = command.mode === null ? `${slug} (the default)` : slug
  return { rule: 'mode', verdict: 'passes', says: `${chosen}; offered: ${words.join(', ')}` }
}

function enrollmentWords({ command, facts: { enrollment } }: Situation): string {
  if (enrollment === null) return 'none yet'
  const { isActive, mode, version } = enrollment
  const state = `${isActive ? 'active' : 'inactive'} in mode ${mode}, version ${version}`
  if (command.path === 'replace') return `${state}: it is made as asked`
  return isActive ? `${state}: it stays as it is` : `${state}: it would be activated again`
}

function filterRule({ command, learner, course, facts, policy, now }: Situation): Rule {
  const filters = policy.filters ?? []
  if (filters.length === 0) return { rule: 'filters', verdict: 'notAsked', says: 'the site has none here' }
  const mode = command.mode ?? defaultMode(course.modes, policy, now)
  const request = {
    learner: { userId: String(learner.userId), username: learner.username },
    courseId: facts.courseKey?.stored ?? '',
    mode,
    isActive: command.isActive ?? true,
    enterpriseUuid: command.enterpriseUuid,
    reason: command.reason,
  }
  const filtered = passFilters(filters, request, policy.onFilterError)
  if ('vetoed' in filtered) {
    return { rule: 'filters', verdict: 'refuses', says: `${filtered.vetoed.by}: ${filtered.vetoed.message}` }
  }
  const unavailable = modeUnavailable(filtered.mode, course, mayBeExpired(command), policy, now)
  if (unavailable) return { rule: 'filters', verdict: 'refuses', says: unavailable.message }
  const names = filters.map(({ name }) => name).join(', ')
  return {
    rule: 'filters',
    verdict: 'passes',
    says: filtered.mode === mode ? names : `${names}: mode ${filtered.mode}`,
  }
}

const REFUSED_BY: Readonly<Record<ClosedReason, Rule['rule']>> = {
  allowanceTaken: 'allowance',
  invitationOnly: 'invitation',
  notStarted: 'window',
  ended: 'window',
}

/** Invitation, allowance and window are one rule: an allowance or a role of the learner lifts the other two. */
function closedRules({ command, learner, course, facts: { allowance }, policy, now }: Situation): Rule[] {
  const because = command.force ? null : closedFor({ course, learner, allowance }, policy, now)
  const stranger = { ...learner, isStaff: false, isSuperuser: false, isCourseTeam: false }
  const otherwise = closedFor({ course, learner: stranger, allowance: null }, policy, now)
  const lifted = because === null && otherwise !== null ? `; lifted by ${liftedBy(command, allowance)}` : ''
  const isByInvitation = course.invitationOnly || (course.deprecatedKey && policy.legacyKeysInvitationOnly)
  const rules = [
    { rule: 'allowance', says: allowanceWords(learner, allowance) },
    { rule: 'invitation', says: isByInvitation ? `by invitation only${lifted}` : 'none is needed' },
    { rule: 'window', says: windowWords(course, now) + (isByInvitation ? '' : lifted) },
  ] as const
  return rules.map((rule) => {
    if (because !== null && REFUSED_BY[because] === rule.rule) return { ...rule, verdict: 'refuses' }
    return { ...rule, verdict: rule.rule === 'allowance' && allowance === null ? 'notAsked' : 'passes' }
  })
}

function liftedBy({ force }: EnrollmentCommand, allowance: Facts['allowance']): string {
  if (force) return 'force'
  return allowance === null ? 'a role of the learner' : 'the allowance'
}

function allowanceWords(learner: LearnerFacts, allowance: Facts['allowance']): string {
  if (allowance === null) return 'none for their e-mail address'
  if (allowance.claimedBy === null) return 'one for their e-mail address, not used yet'
  return allowance.claimedBy === learner.id ? 'one that they have used' : 'one that another account has used'
}

function windowWords({ enrollmentStart: start, enrollmentEnd: end }: CourseFacts, now: Date): string {
  const from = start === null ? '' : `from ${start} `
  const until = end === null ? '' : `until ${end} `
  return `${from === '' && until === '' ? 'always open ' : `${from}${until}`}(now ${now.toISOString()})`
}

function seatsRule({ course: { maxEnrollments: limit }, facts: { seatsTaken } }: Situation): Rule {
  if (limit === null) return { rule: 'seats', verdict: 'passes', says: 'no limit' }
  return {
    rule: 'seats',
    verdict: seatsTaken >= limit ? 'refuses' : 'passes',
    says: `${seatsTaken} of ${limit} taken`,
  }
}
