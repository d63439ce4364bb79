/** What came of a job. */
export interface JobOutcome {
  readonly state: string
  readonly total: number | null
  readonly done: number
  readonly counts: Readonly<Record<string, number>>
  /** How many results there are, and the digest of all of them in the order of their lines. */
  readonly results: number
  readonly digest: string
  /** Events of the batch, and enrollments that have one. */
  readonly events: number
  readonly enrollments: number
}

/** The longest that nobody may work on a job whose process was killed while another one is there (bulk.md §1). */
const LONGEST_PAUSE_S = 30

const CHANGES = ['created', 'reactivated', 'modeChanged', 'deactivated']

/**
 * Compares a job whose servers were killed with one that nobody disturbed.
 *
 * @param pauses seconds after each kill until the job went on.
 * @returns what is wrong, in words; nothing: all is well.
 */
export function faultsOf(killed: JobOutcome, undisturbed: JobOutcome, pauses: readonly number[]): string[] {
  const { counts, total, done, results, events, enrollments } = killed
  const sum = (names: readonly string[]) => names.reduce((all, name) => all + (counts[name] ?? 0), 0)
  const changes = sum(CHANGES)
  const checks: [isGood: boolean, fault: string][] = [
    [killed.state === 'done', `the job is ${killed.state}`],
    [done === total, `${done} of ${total} lines are done`],
    [results === total, `${results} results of ${total} lines`],
    [sum(Object.keys(counts)) === total, 'its counts do not add up to its lines'],
    [events === changes, `${events} events of ${changes} changes`],
    [enrollments === events, `${events} events of ${enrollments} enrollments`],
    [inOrder(counts) === inOrder(undisturbed.counts), 'its counts are others than undisturbed'],
    [killed.digest === undisturbed.digest, 'its results are others than undisturbed'],
    [pauses.every((pause) => pause <= LONGEST_PAUSE_S), `it went on after ${Math.max(...pauses)} s`],
  ]
  return checks.flatMap(([isGood, fault]) => (isGood ? [] : [fault]))
}

function inOrder(counts: Readonly<Record<string, number>>): string {
  return JSON.stringify(Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
