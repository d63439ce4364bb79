import * as z from 'zod'

/** How far the enrollments of the LMS were read. */
const position = z.object({
  /** The newest instant of the history, as the LMS writes it; not later than the clock of its database. */
  history: z.string(),
  /** All enrollments up to this id were there long enough ago. */
  floorId: z.number(),
  /** Grows with each transaction that applies something. */
  applied: z.number(),
})

export type EnrollmentPosition = z.output<typeof position>

/** The position as it is kept; null: none. */
export function positionIn(kept: unknown): EnrollmentPosition | null {
  return position.safeParse(kept).data ?? null
}

/**
 * How far back each look goes, in milliseconds: a row of the history has the instant at which it was made, and is seen when its
 * transaction is over (lms.md D.2).
 */
export const OVERLAP_MS = 300_000

/** The instant so many milliseconds before another one, both as MySQL writes them. */
export function before(instant: string, milliseconds: number): string {
  const [whole = '', fraction = ''] = instant.split('.')
  const moved = new Date(Date.parse(`${whole.replace(' ', 'T')}Z`) - milliseconds).toISOString()
  return `${moved.slice(0, 19).replace('T', ' ')}.${fraction.padEnd(6, '0')}`
}
