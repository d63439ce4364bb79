import type { Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { LmsRow, LmsSource, SourceJoin } from '../source/source.ts'
import type { CourseKeys } from './course-keys.ts'

/** Stands in a line for the username of the account that has this id in the LMS, whatever its name is by now. */
export interface AccountReference {
  readonly account: number
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined }

/** A line of the import format as plain data. */
export interface DraftLine {
  readonly type: string
  readonly [key: string]: Json | AccountReference | undefined
}

/** A line of the import format with usernames in it. */
export type Line = Readonly<Record<string, unknown>> & { readonly type: string }

/** What a row of the LMS comes to, by the rules of lms.md B.1. */
export type Conversion = Converted | LeftAside

export interface Converted {
  readonly lines: readonly RowLine[]
  /** Why a line says something else than the row; for a person. */
  readonly bent?: readonly string[] | undefined
}

export interface LeftAside {
  readonly leftAside: string
}

export interface RowLine {
  readonly line: DraftLine
  /** Tells the lines of one row apart, where it has several. */
  readonly part?: string | undefined
}

/** How the rows of one table of the LMS are imported. */
export interface Subject {
  /** For `--only`. */
  readonly group: Group
  readonly table: string
  /** Of its lines, for the counts. */
  readonly type: string
  readonly key: string
  readonly columns: readonly string[]
  readonly joins?: readonly SourceJoin[]
  /** Which rows, in SQL. */
  readonly where?: string
  /** Whether a row may have several lines. */
  readonly hasParts?: boolean
  /** Reads more about rows: what it answers is part of them. */
  readonly readMore?: (source: LmsSource, rows: readonly LmsRow[]) => Promise<readonly LmsRow[]>
  readonly convert: (row: LmsRow, courses: CourseKeys) => Conversion
  /** What is written instead of a line that fails for this reason, and why; null: nothing can be. */
  readonly instead?: (line: DraftLine, reason: string) => { readonly line: DraftLine; readonly bent: string } | null
  /** Completes lines before they are imported, by what is here. */
  readonly complete?: (trx: Transaction<DB>, lines: readonly Line[]) => Promise<readonly Line[]>
  /** How rows that are gone from the LMS go here too; without it they stay. */
  readonly removal?: Removal
}

export interface Removal {
  /** Of the line: what it is about. A row whose line is about something else than before is another one. */
  readonly identity: (line: Line) => string
  /** Takes back what lines have written. */
  readonly remove: (trx: Transaction<DB>, lines: readonly Line[]) => Promise<void>
  /** Gives what is here another identity, before the line is written. */
  readonly rename?: (trx: Transaction<DB>, from: Line, to: Line) => Promise<void>
}

/** What `--only` names, in the order in which it is imported: what is referred to comes first. */
export const groups = [
  'users',
  'courses',
  'modes',
  'cohorts',
  'roles',
  'allowances',
  'enrollments',
  'members',
  'optins',
  'audit',
  'embargo',
  'enterprise',
  'retirements',
] as const

export type Group = (typeof groups)[number]

/** The reference to an account in a line. */
export function account(id: number): AccountReference {
  return { account: id }
}
