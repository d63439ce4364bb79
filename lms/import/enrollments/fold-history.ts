import { microsecondsOf } from '../../source/instant.ts'

/** Mode and activation of an enrollment. */
export interface EnrollmentMode {
  readonly mode: string
  readonly isActive: boolean
}

/** A row of `student_courseenrollment_history` that has an instant and is no deletion. */
export interface HistoryRow extends EnrollmentMode {
  readonly historyId: string
  /** `+` for the first of an enrollment, otherwise `~`. */
  readonly type: string
  /** ISO 8601 with microseconds. */
  readonly at: string
  /** The id of an account; null: nobody knows who it was. */
  readonly userId: number | null
  readonly reason: string | null
}

/** One change that a history tells of, or that has to be between it and the present row. */
export interface PastChange {
  readonly at: string
  readonly after: EnrollmentMode
  readonly userId: number | null
  readonly reason: string | null
}

export interface History {
  /** The instant of the enrollment itself. */
  readonly created: string
  /** In any order. */
  readonly rows: readonly HistoryRow[]
  readonly present: EnrollmentMode
  /** The instant of a change that nothing tells of. */
  readonly now: string
}

/** Rows that are less than this apart are noise of one change (adoption.md §1), in microseconds. */
const ONE_CHANGE = 1_000_000

/**
 * The changes of one enrollment, from its first to its present row (adoption.md §1): rows less than one second apart, each
 * from the one before it, are one change. Pure.
 *
 * @returns the first creates the enrollment; of the others each changes something.
 */
export function foldHistory({ created, rows, present, now }: History): PastChange[] {
  const ordered = rows.toSorted((a, b) => compareRows(a, b, present))
  const [first] = ordered
  if (first === undefined) return [unknown(created, present)]
  const told = groupsOf(ordered).map(changeOf)
  const begun = first.type === '+' ? told : [unknown(created, { mode: first.mode, isActive: true }), ...told]
  return withoutRepeats([...begun, unknown(now, present)])
}

function unknown(at: string, { mode, isActive }: EnrollmentMode): PastChange {
  return { at, after: { mode, isActive }, userId: null, reason: null }
}

/** By instant; where instants are equal nobody knows, and what became of it comes last. */
function compareRows(a: HistoryRow, b: HistoryRow, present: EnrollmentMode): number {
  return (
    microsecondsOf(a.at) - microsecondsOf(b.at) ||
    Number(b.type === '+') - Number(a.type === '+') ||
    Number(isSame(a, present)) - Number(isSame(b, present)) ||
    compareTexts(a.historyId, b.historyId)
  )
}

function compareTexts(a: string, b: string): number {
  return Number(a > b) - Number(a < b)
}

function groupsOf(ordered: readonly HistoryRow[]): [HistoryRow, ...HistoryRow[]][] {
  const groups: [HistoryRow, ...HistoryRow[]][] = []
  let last = -Infinity
  for (const row of ordered) {
    const at = microsecondsOf(row.at)
    const group = groups.at(-1)
    if (group !== undefined && at - last < ONE_CHANGE) group.push(row)
    else groups.push([row])
    last = at
  }
  return groups
}

/** The last state, with the instant and the actor of the first row. */
function changeOf(group: readonly [HistoryRow, ...HistoryRow[]]): PastChange {
  const [first] = group
  const { mode, isActive } = group.at(-1) ?? first
  const reason = group.find((row) => row.reason !== null)?.reason ?? null
  return { at: first.at, after: { mode, isActive }, userId: first.userId, reason }
}

function withoutRepeats(changes: readonly PastChange[]): PastChange[] {
  return changes.filter(({ after }, index) => {
    const before = changes[index - 1]
    return before === undefined || !isSame(before.after, after)
  })
}

/** Whether two rows say the same of an enrollment. */
export function isSame(a: EnrollmentMode, b: EnrollmentMode): boolean {
  return a.mode === b.mode && a.isActive === b.isActive
}
