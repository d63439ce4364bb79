import type { Kysely, Transaction } from 'kysely'
import type { z } from 'zod'
import type { DB } from '../database/schema.ts'
import type { CallMetadata } from '../enrollment/command.ts'
import type { AnyLine, LineOf, LineType } from './lines.ts'
import type { Turn } from './overlap.ts'

/** A good line with its number in the file. */
export interface NumberedLine<L = AnyLine> {
  readonly number: number
  readonly line: L
}

/** A line of one of the types of the core. */
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

/** Rows that lines have written; a row that said the same already is in neither number. */
export interface Written {
  readonly created: number
  readonly changed: number
}

/** What became of a group of lines. */
export interface GroupOutcome extends Written {
  readonly failures: readonly LineFailure[]
}

/** What several writes of one group have written. */
export function sumOf(...parts: readonly Written[]): Written {
  const sum = (of: keyof Written) => parts.reduce((total, part) => total + part[of], 0)
  return { created: sum('created'), changed: sum('changed') }
}

/** What a group of lines is imported with. */
export interface GroupContext {
  readonly metadata: CallMetadata
  /** Of the lines among others that are being written. */
  readonly turn: Turn
  readonly added: Added
  /** Accounts that are active at a folded address since a line, by the address. */
  readonly arrived: Map<string, { readonly username: string; readonly number: number }>
}

/**
 * The accounts, the course runs and the rest that the lines of one transaction add, each with the number of its line: a line
 * before that one must not refer to it.
 */
export interface Added {
  /** By username. */
  readonly accounts: Map<string, number>
  /** By stored key. */
  readonly courses: Map<string, number>
  /** What the types of an extension add and refer to, by names that they choose. */
  readonly others: Map<string, number>
}

/** Writes lines of one type, in the order of the file, as if one after another. After a throw the transaction is rolled back. */
export type GroupImporter<L extends AnyLine> = (
  trx: Transaction<DB>,
  lines: readonly NumberedLine<L>[],
  context: GroupContext,
) => Promise<GroupOutcome>

/** A type of line that an extension adds to the import format: imports and exports are given a list of them. */
export interface ExtensionLineType {
  readonly type: string
  /** How its lines look, for a person; a key with a question mark may be left out. */
  readonly usage: string
  readonly schema: z.ZodType<AnyLine>
  /** Takes what the schema has read. */
  readonly importGroup: GroupImporter<never>
  /** Whole lines, each with its line end; importing them into an empty database and exporting again gives the same. */
  readonly exportLines: (db: Kysely<DB>) => AsyncGenerator<string>
}

/** Makes a type of line whose importer takes what its schema reads. */
export function extensionLineType<S extends z.ZodType<AnyLine>>(
  type: Omit<ExtensionLineType, 'schema' | 'importGroup'> & {
    readonly schema: S
    readonly importGroup: GroupImporter<z.output<S>>
  },
): ExtensionLineType {
  return type
}

/** The row of a line with its natural key, or what is wrong with the line. */
export type ResolvedLine<Row> = { readonly key: string; readonly row: Row } | { readonly reason: string }

/**
 * Builds the rows of a group. Of the lines with one natural key the last one counts, in the place of the first: as if each
 * had been written after the one before it.
 *
 * @param resolve also gets the row of an earlier line by its key.
 */
export function resolveRows<L extends AnyLine, Row>(
  lines: readonly NumberedLine<L>[],
  resolve: (numbered: NumberedLine<L>, earlier: (key: string) => Row | undefined) => ResolvedLine<Row>,
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

/** The failure of a line that is well formed but does not fit what is stored. */
export function failureOf({ number, line }: NumberedLine, reason: string): LineFailure {
  return { line: number, type: line.type, reason: `${line.type}: ${reason}` }
}
