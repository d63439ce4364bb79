import type { Owner } from '../../core/course/owner.ts'
import type { AgreedChange } from '../owner/change.ts'
import type { Difference } from '../owner/differences.ts'
import type { OwnedRun } from '../owner/list.ts'

/** So many differences a terminal shows; `lms compare` has all. */
const SHOWN = 20

/** What `lms owner` says to a person. */
export const inWords = { list: listInWords, changed: changeInWords }

function listInWords(runs: readonly OwnedRun[], counts: Readonly<Record<string, number>>): string {
  if (runs.length === 0) return 'There are no course runs.\n'
  const width = Math.max(...runs.map(({ courseId }) => courseId.length))
  const lines = runs.map(
    ({ courseId, owner, active, inactive }) =>
      `${courseId.padEnd(width)}  ${owner.padEnd(7)}  ${active} active, ${inactive} inactive\n`,
  )
  const leaving = counts['leaving'] ? `, ${counts['leaving']} on the way to the LMS (say again which owner)` : ''
  return `${lines.join('')}${counts['here']} owned here, ${counts['lms']} by the LMS${leaving}.\n`
}

function changeInWords({ changed, differences, late, inUse }: AgreedChange, to: Owner): string {
  const owner = to === 'here' ? 'this service' : 'the LMS'
  const lines = changed.map((courseId) => `${courseId} is owned by ${owner} now.\n`)
  if (lines.length === 0 && differences.length === 0 && inUse === null) lines.push(`Owned by ${owner} already.\n`)
  if (differences.length > 0) {
    lines.push(`The two sides do not agree, and these course runs keep their owner:\n`, ...named(differences))
    lines.push('Look at them with lms compare, or --wait until they agree.\n')
  }
  if (late.length > 0) {
    lines.push(
      'The LMS changed these at the last moment; bring them here with lms compare --fix here:\n',
      ...named(late),
    )
  }
  if (inUse !== null) lines.push(waitingFor(inUse))
  return lines.join('')
}

/** What is said before it is tried again. */
export function waitingInWords({ differences, inUse }: AgreedChange): string {
  return inUse === null ? `Waiting: ${differences.length} differences …\n` : `Waiting … ${waitingFor(inUse)}`
}

function waitingFor({ by }: NonNullable<AgreedChange['inUse']>): string {
  const writers = by.map(({ pid, application, since }) => {
    const name = application === '' ? '' : ` (${application})`
    return `  the transaction of process ${pid}${name}${since === null ? '' : ` since ${since}`}\n`
  })
  const who = writers.length > 0 ? `:\n${writers.join('')}` : ' by what is taken over from the LMS.\n'
  return `No owner was changed: the enrollments are being written for too long${who}`
}

function named(differences: readonly Difference[]): string[] {
  const lines = differences
    .slice(0, SHOWN)
    .map(({ courseId, username, what }) => `  ${courseId}  ${username}: ${what}\n`)
  return differences.length > SHOWN ? [...lines, `  and ${differences.length - SHOWN} more\n`] : lines
}
