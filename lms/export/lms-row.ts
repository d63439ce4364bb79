import { createHash } from 'node:crypto'

/** An enrollment as the LMS keeps it: rows of its tables (lms.md A.3, D.6). */
export interface LmsEnrollment {
  /** `auth_user.id`. */
  readonly userId: number
  /** The key as it is spelled here. */
  readonly courseId: string
  readonly mode: string
  readonly isActive: boolean
  /** ISO 8601, UTC. */
  readonly created: string
  /** `student_courseenrollment.id`, where it is known. */
  readonly lmsId: number | null
  /** All of them; those that the LMS has are replaced. */
  readonly attributes: readonly LmsAttribute[]
  /** Of the row of history: where the LMS has it already, nothing is written. */
  readonly historyId: string
  /** ISO 8601, UTC. */
  readonly historyDate: string
  /** `auth_user.id` of who made the change; null: nobody that the LMS knows. */
  readonly historyUserId: number | null
}

export interface LmsAttribute {
  readonly namespace: string
  readonly name: string
  readonly value: string
}

/**
 * What becomes of a row.
 *
 * - `inserted`, `updated`: it is written, with a row of history.
 * - `unchanged`: the LMS says the same.
 * - `writtenBefore`: its row of history is there already, and the LMS has changed it since: left as it is.
 * - `unknownAccount`, `unknownCourse`: the LMS does not have it. A row that the LMS has is written whether it has the run or not.
 * - `sameInMysql`: MySQL takes the pair for another one.
 * - `idTaken`: another pair has its id there.
 * - `refused`: MySQL does not store it.
 */
export type RowVerdict =
  | 'inserted'
  | 'updated'
  | 'unchanged'
  | 'writtenBefore'
  | 'unknownAccount'
  | 'unknownCourse'
  | 'sameInMysql'
  | 'idTaken'
  | 'refused'

/** The verdicts of rows that the LMS does not have as they are here. */
export const NOT_WRITTEN: ReadonlySet<RowVerdict> = new Set([
  'unknownAccount',
  'unknownCourse',
  'sameInMysql',
  'idTaken',
  'refused',
])

/** The id of a row of history, a UUID that follows from what it tells: written twice, it is one row. */
export function historyIdOf(...parts: readonly (string | number)[]): string {
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex')
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-')
}
