import type { GroupOutcome, LineFailure } from './group-importer.ts'

/** What became of the lines of an import. */
export interface ImportCounts {
  /** All lines but blank ones: `kept` and `failed` add up to it, unless a strict import was taken back. */
  lines: number
  /** Good lines, whether or not they changed anything. */
  kept: number
  failed: number
  /** Rows that were inserted or changed; 0 when the database already said what the file says. */
  written: number
  /** By type of line; a line that does not even say its type is in `failed` alone. */
  byType: Record<string, TypeCounts>
}

/** What became of the lines of one type. */
export interface TypeCounts {
  created: number
  changed: number
  /** Good lines that wrote no row of their own: the row said the same, or a later line says something else. */
  unchanged: number
  failed: number
}

/** What became of the lines of one window. */
export interface WindowOutcome {
  readonly lines: number
  /** In the order of the file. */
  readonly failures: readonly LineFailure[]
  readonly groups: readonly { readonly type: string; readonly lines: number; readonly outcome: GroupOutcome }[]
}

/** The counts of an import that has read nothing yet. */
export function noCounts(): ImportCounts {
  return { lines: 0, kept: 0, failed: 0, written: 0, byType: {} }
}

/** Adds what became of a window. */
export function addWindow(counts: ImportCounts, { lines, failures, groups }: WindowOutcome): void {
  const of = (type: string) => (counts.byType[type] ??= { created: 0, changed: 0, unchanged: 0, failed: 0 })
  counts.lines += lines
  counts.failed += failures.length
  counts.kept += lines - failures.length
  for (const { type } of failures) if (type !== null) of(type).failed += 1
  for (const { type, lines: read, outcome } of groups) {
    const written = outcome.created + outcome.changed
    const ofType = of(type)
    ofType.created += outcome.created
    ofType.changed += outcome.changed
    ofType.unchanged += read - outcome.failures.length - written
    counts.written += written
  }
}

/** The counts of an import that kept nothing: only what was bad is still true. */
export function takenBack(counts: ImportCounts): ImportCounts {
  const byType = Object.entries(counts.byType).map(
    ([type, { failed }]) => [type, { created: 0, changed: 0, unchanged: 0, failed }] as const,
  )
  return { ...counts, kept: 0, written: 0, byType: Object.fromEntries(byType) }
}
