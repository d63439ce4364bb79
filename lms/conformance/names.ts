/** The accounts and course runs that the cases are about, by what they are for. */
export interface Names {
  readonly learner: string
  readonly other: string
  /** Not enrolled anywhere, never. */
  readonly idle: string
  /** Is allowed into `invitation` now and then. */
  readonly invited: string
  readonly inactive: string
  /** Has the role `staff` in `open`. */
  readonly teacher: string
  readonly staff: string
  readonly superuser: string
  /** May end the enrollments of those who retire. */
  readonly worker: string
  /** Has asked to be retired (`PENDING`). */
  readonly retiring: string
  /** Is retired, so that nothing can be done for it. */
  readonly stuck: string
  /** Audit, honor, verified, credit, and masters, which is over. */
  readonly open: string
  /** Of another organisation; audit, verified; cohorts red and blue. */
  readonly second: string
  /** Audit; nobody is enrolled, never. */
  readonly empty: string
  /** Audit, verified, masters, which is over; enrollment has ended. */
  readonly closed: string
  /** Audit, verified; no seat at all. */
  readonly full: string
  readonly invitation: string
  /** Enrollment has not begun. */
  readonly future: string
  readonly professional: string
  readonly verified: string
  readonly credit: string
  /** No modes, no name, of the old style. */
  readonly bare: string
  /** Every detail is given. */
  readonly detailed: string
  /** All modes are over. */
  readonly expired: string
}

/** Those of the pack, unless somebody names others. */
export const NAMES: Names = {
  learner: 'conformance_learner',
  other: 'conformance_other',
  idle: 'conformance_idle',
  invited: 'conformance_invited',
  inactive: 'conformance_inactive',
  teacher: 'conformance_teacher',
  staff: 'conformance_staff',
  superuser: 'conformance_superuser',
  worker: 'retirement_service_worker',
  retiring: 'conformance_retiring',
  stuck: 'conformance_stuck',
  open: 'course-v1:Conformance+Open+2026',
  second: 'course-v1:Conformance2+Second+2026',
  empty: 'course-v1:Conformance+Empty+2026',
  closed: 'course-v1:Conformance+Closed+2026',
  full: 'course-v1:Conformance+Full+2026',
  invitation: 'course-v1:Conformance+Invitation+2026',
  future: 'course-v1:Conformance+Future+2026',
  professional: 'course-v1:Conformance+Professional+2026',
  verified: 'course-v1:Conformance+Verified+2026',
  credit: 'course-v1:Conformance+Credit+2026',
  bare: 'Conformance/Bare_Run/2026_T1',
  detailed: 'course-v1:Conformance+Detailed+2026',
  expired: 'course-v1:Conformance+Expired+2026',
}

/** Whom nobody has as an account. */
export const NOBODY = 'conformance_nobody'
/** A course run that does not exist. */
export const NO_RUN = 'course-v1:Conformance+None+2026'

/** The e-mail address of an account of the pack. */
export function emailOf(username: string): string {
  return `${username}@example.com`
}

/** The key of a course run, or the name of an account, in a query: a plus sign would be a space there. */
export const q = encodeURIComponent
