import type { Ask } from './bursts.ts'

/** What the service should do, written down once more and as plainly as possible: rpc §3.1 for one course run. */
export interface CourseModel {
  readonly key: string
  readonly offered: readonly string[]
  readonly expired: readonly string[]
  readonly limit: number | null
  /** Why the run is closed for a learner, by number; absent for whom it is open. */
  readonly closed: ReadonlyMap<number, 'ended' | 'invitationOnly' | 'allowanceTaken'>
  /** Learners who take no seat. */
  readonly seatless: ReadonlySet<number>
}

export interface Enrolled {
  readonly mode: string
  readonly isActive: boolean
  readonly version: number
}

/** The enrollments of one course run by the number of the learner. */
export type CourseState = ReadonlyMap<number, Enrolled>

export type Expected = { readonly kind: string; readonly after: Enrolled } | { readonly code: string; details: object }

/** What a lone call comes to in this state. */
export function expectedOf(ask: Ask, course: CourseModel, state: CourseState): Expected {
  return ask.procedure === 'change' ? changed(ask, course, state) : enrolled(ask, course, state)
}

function enrolled(
  { learner, rest }: Extract<Ask, { procedure: 'enroll' }>,
  course: CourseModel,
  state: CourseState,
): Expected {
  const { mode = 'audit', isActive = true, whenEnrolled = 'keep', force = false } = rest
  const before = state.get(learner)
  const refused = unavailable(mode, course, { includeExpired: !isActive })
  if (refused) return refused
  if (before && whenEnrolled === 'update') return written(before, { mode: rest.mode ?? before.mode, isActive })
  if (before?.isActive) return { kind: 'unchanged', after: before }
  const because = force ? undefined : course.closed.get(learner)
  if (because) return { code: 'enrollmentClosed', details: { because } }
  if (course.limit !== null && seatsTaken(course, state) >= course.limit) {
    return { code: 'courseFull', details: { limit: course.limit } }
  }
  return written(before, { mode, isActive })
}

function changed(
  { learner, rest }: Extract<Ask, { procedure: 'change' }>,
  course: CourseModel,
  state: CourseState,
): Expected {
  const { mode, isActive, expectedVersion, allowExpiredMode = false } = rest
  const before = state.get(learner)
  if (!before) return { code: 'notEnrolled', details: { courseId: course.key } }
  if (expectedVersion !== undefined && expectedVersion !== before.version) {
    return { code: 'versionConflict', details: { expected: expectedVersion, actual: before.version } }
  }
  if (mode !== undefined && mode !== before.mode && before.isActive && isActive === false) {
    return { code: 'modeMismatch', details: { activeMode: before.mode, requestedMode: mode } }
  }
  const includeExpired = allowExpiredMode || isActive === false
  const refused = mode === undefined ? undefined : unavailable(mode, course, { includeExpired })
  return refused ?? written(before, { mode: mode ?? before.mode, isActive: isActive ?? before.isActive })
}

function unavailable(
  mode: string,
  { offered, expired }: CourseModel,
  { includeExpired }: { includeExpired: boolean },
): Expected | undefined {
  const available = includeExpired ? [...offered, ...expired] : [...offered]
  if (available.includes(mode)) return undefined
  return {
    code: 'modeUnavailable',
    details: { mode, available, expired: expired.includes(mode), includeExpired },
  }
}

function written(before: Enrolled | undefined, after: { mode: string; isActive: boolean }): Expected {
  const kind = kindOf(before, after)
  return { kind, after: { ...after, version: (before?.version ?? 0) + (kind === 'unchanged' ? 0 : 1) } }
}

function kindOf(before: Enrolled | undefined, after: { mode: string; isActive: boolean }): string {
  if (!before) return 'created'
  if (before.isActive !== after.isActive) return after.isActive ? 'reactivated' : 'deactivated'
  return before.mode === after.mode ? 'unchanged' : 'modeChanged'
}

function seatsTaken({ seatless }: CourseModel, state: CourseState): number {
  return [...state].filter(([learner, { isActive }]) => isActive && !seatless.has(learner)).length
}
