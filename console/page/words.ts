const WORDS: Readonly<Record<string, string>> = {
  created: 'enrolled',
  reactivated: 'enrolled again',
  modeChanged: 'mode changed',
  deactivated: 'unenrolled',
  unchanged: 'unchanged',
  learnerNotFound: 'no such learner',
  courseNotFound: 'no such course run',
  invalidCourseKey: 'not a course key',
  modeUnavailable: 'mode not offered',
  enrollmentClosed: 'enrollment closed',
  courseFull: 'course run full',
  notEnrolled: 'not enrolled',
  missingAttributes: 'attributes missing',
  invalidAttribute: 'attribute incomplete',
  cohortNotFound: 'no such cohort',
  ownedByLms: 'the LMS decides',
  vetoed: 'refused by a filter',
  notAttempted: 'not attempted',
  changedSince: 'changed since',
  duplicateLine: 'listed twice',
  contradictingLine: 'contradicts another line',
  invalidLine: 'cannot be read',
  versionConflict: 'changed in between',
  notStarted: 'not open yet',
  ended: 'over',
  invitationOnly: 'by invitation only',
  allowanceTaken: 'allowance taken',
}

/** A kind, a code or a state in words; one that has none is split where its capitals are. */
export function inWords(name: string): string {
  return WORDS[name] ?? name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
}

const instants = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const days = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const numbers = new Intl.NumberFormat()

/** In the zone and the language of the browser. */
export function instantInWords(iso: string): string {
  return instants.format(new Date(iso))
}

export function dayInWords(iso: string | null): string {
  return iso === null ? '—' : days.format(new Date(iso))
}

export function numberInWords(value: number): string {
  return numbers.format(value)
}

export function sizeInWords(bytes: number): string {
  return bytes < 1_000_000
    ? `${numberInWords(Math.ceil(bytes / 1_000))} kB`
    : `${numberInWords(Math.round(bytes / 1e5) / 10)} MB`
}

export function secondsInWords(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`
}

/** What an enrollment was or is, e.g. `verified, not active`. */
export function stateInWords(state: { mode: string; isActive: boolean } | null): string {
  if (state === null) return 'none'
  return state.isActive ? state.mode : `${state.mode}, not active`
}
