import type { Mode } from './mode.ts'

/** A course run as the rules see it. Instants are ISO 8601 in UTC; null means no bound. */
export interface Course {
  readonly courseId: string
  readonly displayName: string
  readonly start: string | null
  readonly end: string | null
  readonly enrollmentStart: string | null
  readonly enrollmentEnd: string | null
  readonly invitationOnly: boolean
  /** The number of seats; null: no limit. */
  readonly maxEnrollments: number | null
  readonly selfPaced: boolean
  readonly modes: readonly Mode[]
}
