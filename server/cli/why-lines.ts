import { printable } from '../../core/import-export/printable.ts'
import { historyLines, outcomeLine, shortInstant, stateOf } from './enrollment-lines.ts'
import type { Output } from './streams.ts'
import { hanging, paint } from './table.ts'
import type { Explanation } from './why.ts'

/** An explanation as a person reads it: the answer first, then why, then what was before. */
export function explanationLines(output: Output, explanation: Explanation): string {
  const { rules, events, traces } = explanation
  const earlier = events.slice(-MOST_EVENTS)
  const left = events.length - earlier.length
  return [
    answer(output, explanation),
    '\nWhy\n',
    ...rules.map((rule) => ruleLine(output, rule)),
    '\nWhat happened so far\n',
    left > 0 ? `(${left} earlier changes: enrollment history)\n` : '',
    events.length === 0 ? 'There is no enrollment and no change.\n' : historyLines(output, earlier),
    traces.length === 0 ? '' : '\nWhat else is known\n',
    ...traces.map((trace) => traceLine(output, trace)),
  ].join('')
}

const MOST_EVENTS = 10

function answer(output: Output, { now }: Explanation): string {
  if (!now.ok)
    return `${paint(output, 'red', `Would be refused (${now.error.code}):`)} ${printable(now.error.message)}\n`
  const { outcome } = now
  const state = stateOf(outcome.enrollment)
  const words = {
    created: `Would be enrolled: ${state}.`,
    reactivated: `Would be enrolled again: ${state}.`,
    modeChanged: `Would change from ${outcome.before?.mode} to ${state}.`,
    deactivated: outcomeLine(outcome).trimEnd(),
    unchanged: `Nothing would change: the enrollment is there (${state}).`,
  }
  return `${paint(output, 'green', words[outcome.kind])}\n`
}

const SIGNS = { passes: 'ok', refuses: 'NO', notAsked: ' -' }

function ruleLine(output: Output, { rule, verdict, says }: Explanation['rules'][number]): string {
  const line = hanging(output, `${SIGNS[verdict]}  ${NAMES[rule].padEnd(10)}  `, printable(says))
  return verdict === 'refuses' ? paint(output, 'red', line) : line
}

const NAMES: Readonly<Record<Explanation['rules'][number]['rule'], string>> = {
  account: 'account',
  courseRun: 'course run',
  owner: 'owner',
  enrollment: 'enrollment',
  mode: 'mode',
  filters: 'filters',
  invitation: 'invitation',
  allowance: 'allowance',
  window: 'window',
  seats: 'seats',
  embargo: 'embargo',
}

function traceLine(output: Output, { at, kind, says }: Explanation['traces'][number]): string {
  return hanging(output, `${(at === null ? '' : shortInstant(at)).padEnd(20)}  ${kind.padEnd(10)}  `, printable(says))
}
