import type { Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { CallMetadata } from '../enrollment/command.ts'
import type { AnyLine, LineOf, LineType } from './lines.ts'

/** A good line with its number in the file. */
export interface NumberedLine<L = AnyLine> {
  readonly number: number
  readonly line: L
}

/** One of the house's own. */
export interface Numbered<T extends LineType> extends NumberedLine {
  readonly line: LineOf<T>
}

/** What is wrong with one line. */
export interface LineFailure {
  /** In the file, from 1. */
  readonly line: number
  /** Null where the line does not even say. */
  readonly type: string | null
  /** For a person, one line of text, e.g. `course: courseId: 'x' is not a course key`. */
  readonly reason: string
}

/** What became of a group of lines. */
export interface GroupOutcome {
  readonly failures: readonly LineFailure[]
  /** Rows that were inserted or changed. */
  readonly written: number
}

/** What a group of lines is imported with. */
export interface GroupContext {
  readonly metadata: CallMetadata
  readonly added: Added
}

/**
 * The accounts, the course runs and the rest that the lines of one transaction add, each with the number of the line:
 * the lines before that one do not know it yet.
 */
export interface Added {
  /** By username. */
  readonly accounts: Map<string, number>
  /** By stored key. */
  readonly courses: Map<string, number>
  /** Whatever else a further type of line adds and refers to, by names that it gives. */
  readonly others: Map<string, number>
}

/**
 * Writes lines of one type, in the order of the file, as if one after another. Belongs into a transaction: after a throw
 * nothing of the group may stay.
 */
export type GroupImporter<L extends AnyLine> = (
  trx: Transaction<DB>,
  lines: readonly NumberedLine<L>[],
  context: GroupContext,
) => Promise<GroupOutcome>

/** The row of a line, or what is wrong with the line. */
export type Resolved<Row> = { readonly key: string; readonly row: Row } | { readonly reason: string }

/**
 * Builds the rows of a group: of the lines with one natural key the last one stays, in the place of the first, which is
 * what they come to one after another.
 *
 * @param resolve also gets the row of an earlier line by its key.
 */
export function resolveRows<L extends AnyLine, Row>(
  lines: readonly NumberedLine<L>[],
  resolve: (numbered: NumberedLine<L>, earlier: (key: string) => Row | undefined) => Resolved<Row>,
): { rows: Row[]; failures: LineFailure[] } {
  const rows = new Map<string, Row>()
  const failures: LineFailure[] = []
  for (const numbered of lines) {
    const resolved = resolve(numbered, (key) => rows.get(key))
    if ('reason' in resolved) failures.push(failureOf(numbered, resolved.reason))
    else rows.set(resolved.key, resolved.row)
  }
  return { rows: [...rows.values()], failures }
}

/** The failure of a line that is well written but does not fit what is stored. */
export function failureOf({ number, line }: NumberedLine, reason: string): LineFailure {
  return { line: number, type: line.type, reason: `${line.type}: ${reason}` }
}
