import type { Enrollment, Outcome } from '../../core/enrollment/command.ts'
import type { EnrollmentEvent } from '../../core/event/event.ts'
import type { Output } from './streams.ts'
import { rowsOf, tableOf, type Column } from './table.ts'

/** What became of a command, as a sentence. */
export function outcomeLine({ kind, enrollment, before }: Outcome): string {
  const { username, courseId, mode, isActive } = enrollment
  const state = `${mode}${isActive ? '' : ', inactive'}`
  const words = {
    created: `${username} is enrolled in ${courseId} now (${state}).`,
    reactivated: `${username} is enrolled in ${courseId} again (${state}).`,
    deactivated: `${username} is no longer enrolled in ${courseId} (${state}).`,
    modeChanged: `${username} has changed from ${before?.mode} to ${mode} in ${courseId}.`,
    unchanged: `Nothing has changed: ${username} has been enrolled in ${courseId} before (${state}).`,
  }
  return `${words[kind]}\n`
}

/** Enrollments as a person reads them. */
export function enrollmentLines(output: Output, enrollments: readonly Enrollment[]): string {
  return tableOf(output, enrollments, ENROLLMENT)
}

const ENROLLMENT: readonly Column<Enrollment>[] = [
  { head: 'USER', of: ({ username }) => username },
  { head: 'COURSE RUN', of: ({ courseId }) => courseId },
  { head: 'MODE', of: ({ mode }) => mode },
  { head: 'STATE', of: ({ isActive }) => (isActive ? 'active' : 'inactive') },
  { head: 'VERSION', of: ({ version }) => String(version), isRight: true },
  { head: 'CREATED', of: ({ created }) => shortInstant(created) },
  { head: 'CHANGED', of: ({ updated }) => shortInstant(updated) },
]

/** Changes as a person reads them: when, what, who, by which way and why. */
export function eventLines(output: Output, events: readonly EnrollmentEvent[]): string {
  return tableOf(output, events, EVENT)
}

/** Changes of one enrollment: on a terminal without its learner and course run, which whoever asked has named. */
export function historyLines(output: Output, events: readonly EnrollmentEvent[]): string {
  return tableOf(output, events, output.isTTY === true ? [WHEN, WHAT, ...HOW] : EVENT)
}

/** A change that has just happened. */
export function eventLine(output: Output, event: EnrollmentEvent): string {
  return rowsOf(output, [event], EVENT)
}

type EventColumn = Column<EnrollmentEvent>

const WHEN: EventColumn = { head: 'WHEN', of: ({ at }) => shortInstant(at) }
const WHAT: EventColumn = { head: 'WHAT', of: ({ kind }) => kind }
const HOW: readonly EventColumn[] = [
  { head: 'CHANGE', of: changeOf },
  { head: 'BY', of: ({ actor, via }) => `${actor.name} via ${via}` },
  { head: 'WHY', of: whyOf },
]
const EVENT: readonly EventColumn[] = [
  WHEN,
  WHAT,
  { head: 'USER', of: ({ username }) => username },
  { head: 'COURSE RUN', of: ({ courseId }) => courseId },
  ...HOW,
]

function changeOf({ before, after }: EnrollmentEvent): string {
  return before === null ? stateOf(after) : `${stateOf(before)} → ${stateOf(after)}`
}

/** `audit`, or `audit (inactive)`. */
export function stateOf({ mode, isActive }: { readonly mode: string; readonly isActive: boolean }): string {
  return isActive ? mode : `${mode} (inactive)`
}

function whyOf({ reason, enterpriseUuid, batchId }: EnrollmentEvent): string {
  const parts = [reason, enterpriseUuid && `enterprise ${enterpriseUuid}`, batchId && `batch ${batchId}`]
  return parts.filter(Boolean).join(', ')
}

/** An instant to the second: `2026-11-01T12:00:00Z`. */
export function shortInstant(instant: string): string {
  return instant.replace(/\.\d+Z$/, 'Z')
}
