import { parseCourseKey } from '../course/key.ts'
import { learnerLookup, type LearnerLookup } from '../learner/ref.ts'
import type { Policy } from '../policy.ts'
import type { BatchItem, EnrollmentCommand } from './command.ts'
import { decide, type Decision, type Facts, type LearnerFacts } from './decide.ts'
import type { ReadFacts } from './facts.ts'
import type { KnownCourse, KnownCourses } from './known-courses.ts'
import { planBatch, type Plan, type Step } from './plan.ts'

/** What most learners are who are enrolled: the statement that writes looks whether it is so. */
export const ASSUMED_LEARNER = { isActive: true, isStaff: false, isSuperuser: false } as const

/** A command with what is foreseen of it before anything is read. */
export interface ForeseenItem {
  readonly item: BatchItem
  readonly lookup: LearnerLookup
  readonly known: KnownCourse
  /** What makes its enrollment, if the facts are those that are assumed; null: only its facts are asked for. */
  step: Step | null
  /** Its index in the plan. */
  readonly index: number
}

export interface Foreseen {
  readonly items: readonly ForeseenItem[]
  /** Of those that are about a pair of their own; decided on assumed facts. */
  readonly plan: Plan
  /** How many create an enrollment if the facts are so. */
  readonly expected: number
}

/** The course run of a command, where the command can be decided on what is known of it: no seats, no allowances. */
export function foreseeableCourse(
  command: EnrollmentCommand,
  courses: KnownCourses,
  policy: Policy,
): KnownCourse | null {
  // A filter may look at more than is assumed.
  if (policy.filters !== undefined && policy.filters.length > 0) return null
  const known = knownCourseOf(command, courses)
  const isOpen = known !== undefined && !known.hasAllowances && known.course.maxEnrollments === null
  return isOpen ? known : null
}

/** What is known of the course run of a command. */
export function knownCourseOf({ courseId }: EnrollmentCommand, courses: KnownCourses): KnownCourse | undefined {
  return courses.get(courseId) ?? courses.get(parseCourseKey(courseId)?.stored ?? '')
}

/**
 * Decides commands ahead, on assumed facts: the course run as it was read last, a learner like most, no enrollment yet.
 *
 * @param items with their course runs, see {@link foreseeableCourse}.
 */
export function foresee(
  items: readonly { readonly item: BatchItem; readonly known: KnownCourse }[],
  policy: Policy,
): Foreseen {
  const lookups = items.map(({ item }) => learnerLookup(item.command.learner))
  const repeated = repeatedPlaces(items, lookups)
  const planned: BatchItem[] = []
  const facts: ReadFacts[] = []
  const foreseen = items.map(({ item, known }, place): ForeseenItem => {
    const lookup = lookups[place] ?? NOBODY
    const index = planned.length
    // Of several commands about the same pair each has to see what those before it did.
    if (!repeated.has(place)) {
      planned.push(item)
      facts.push(factsOf(known, assumedLearner(lookup, place)))
    }
    return { item, lookup, known, step: null, index }
  })
  const plan = planBatch(planned, facts, policy)
  let expected = 0
  for (const [place, each] of foreseen.entries()) {
    const assumed = facts[each.index]
    if (repeated.has(place) || assumed === undefined) continue
    each.step = stepOf(plan, each, assumed, policy)
    if (each.step !== null) expected += 1
  }
  return { items: foreseen, plan, expected }
}

const NOBODY: LearnerLookup = { username: null, email: null, userId: null }

/** The places of commands that may be about the same pair as another one of the batch. */
function repeatedPlaces(
  items: readonly { readonly known: KnownCourse }[],
  lookups: readonly LearnerLookup[],
): ReadonlySet<number> {
  const repeated = new Set<number>()
  const firstOf = new Map<number, Map<string, number>>()
  for (const [place, { known }] of items.entries()) {
    const { username, email, userId } = lookups[place] ?? NOBODY
    // Who is taken for somebody else is only read first.
    const learner = username ?? `${userId} ${email}`
    const inCourse = firstOf.get(known.course.id)
    const first = inCourse?.get(learner)
    if (inCourse === undefined) firstOf.set(known.course.id, new Map([[learner, place]]))
    else if (first === undefined) inCourse.set(learner, place)
    else repeated.add(first).add(place)
  }
  return repeated
}

/** @param place tells the learners of a batch apart as long as their ids are not known. */
function assumedLearner({ username }: LearnerLookup, place: number): LearnerFacts {
  return { id: -1 - place, userId: 0, username: username ?? '', ...ASSUMED_LEARNER, ...NO_ROLES }
}

/** What makes the enrollment of a command, where that is all that the command does, whatever roles its learner has. */
function stepOf(plan: Plan, { item, known, index }: ForeseenItem, assumed: ReadFacts, policy: Policy): Step | null {
  const pair = plan.pairOf[index]
  const [step] = pair?.steps ?? []
  if (!pair || step?.kind !== 'created' || pair.claimAllowance !== null || pair.attributes !== null) return null
  const { command, metadata } = item
  return isSameInAnyRole(command, assumed, known, policy, metadata.now) ? step : null
}

/** The facts of a command in a course run without allowances and seats, where there is no enrollment yet. */
export function factsOf(known: KnownCourse, learner: LearnerFacts | null): ReadFacts {
  const { courseKey, course } = known
  return { courseKey, learner, course, enrollment: null, enrollmentId: null, allowance: null, seatsTaken: 0 }
}

/** The roles of somebody whose roles make no difference, or who has none. */
export const NO_ROLES = { isCourseTeam: false, takesNoSeat: false } as const
const ALL_ROLES: typeof NO_ROLES | Pick<LearnerFacts, keyof typeof NO_ROLES> = { isCourseTeam: true, takesNoSeat: true }

/** Whether a command is decided in the same way whatever roles its learner has in the course run, whose seats nobody counts. */
export function isSameInAnyRole(
  command: EnrollmentCommand,
  facts: Facts,
  { mindsRoles }: KnownCourse,
  policy: Policy,
  now: Date,
): boolean {
  if (!mindsRoles || facts.learner === null) return true
  const withRoles = { ...facts, learner: { ...facts.learner, ...ALL_ROLES } }
  return isSame(decide(command, facts, policy, now), decide(command, withRoles, policy, now))
}

function isSame(one: Decision, other: Decision): boolean {
  const text = (decision: Decision) => JSON.stringify(decision.ok ? { ...decision, seats: 0 } : decision)
  return text(one) === text(other)
}
