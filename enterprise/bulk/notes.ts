import { failure } from '../../core/errors.ts'
import { refusal, refusalFrom, type Refusal } from './refusal.ts'
import type { Override } from './audit.ts'
import type { EnrolledRow, RowResult, WaitingRow } from './result.ts'

/** What is worth telling of a row beside its result. */
export interface Notes {
  /** The enrollment takes a seat beyond the last one (enterprise C.4 row 12). */
  readonly overCapacity: boolean
  /** What would refuse a waiting row if it were carried out now (enterprise C.6 row 8). */
  readonly warnings: Refusal[]
}

/**
 * Notes what is worth telling of a row. Pure.
 *
 * @param seatsTaken once the row is carried out; null: nothing limits the seats.
 */
export function notesOf(result: RowResult, seatsTaken: number | null): Notes {
  if (result.is === 'enrolled') return { overCapacity: isOverCapacity(result, seatsTaken), warnings: [] }
  return { overCapacity: false, warnings: result.is === 'waiting' ? warningsOf(result, seatsTaken) : [] }
}

/** Only a reactivation gets past the last seat: the house looks at them when it adds. */
function isOverCapacity({ row, outcome }: EnrolledRow, seatsTaken: number | null): boolean {
  const limit = row.offer?.maxEnrollments ?? null
  return outcome.kind === 'reactivated' && limit !== null && seatsTaken !== null && seatsTaken > limit
}

function warningsOf({ row: { order, offer, mode } }: WaitingRow, seatsTaken: number | null): Refusal[] {
  if (offer === null) return [refusalFrom(failure('courseNotFound', { courseId: order.courseId }))]
  const warnings: Refusal[] = []
  const available = [...new Set(offer.modes.map(({ slug }) => slug))]
  if (!available.includes(mode)) warnings.push(refusal('modeNotAvailable', { mode, available }))
  if (offer.closed !== null && !order.force) {
    warnings.push(refusalFrom(failure('enrollmentClosed', { because: offer.closed })))
  }
  const limit = offer.maxEnrollments
  if (limit !== null && seatsTaken !== null && seatsTaken >= limit) {
    warnings.push(refusalFrom(failure('courseFull', { limit })))
  }
  return warnings
}

/** The rules that a row has lifted. */
export function overridesOf(result: RowResult, { overCapacity }: Notes): Override[] {
  if (result.is !== 'enrolled') return []
  const { row, outcome } = result
  const override = { rowIndex: row.index, enrollmentId: outcome.enrollment.id }
  const closed = row.offer?.closed ?? null
  const forced = row.order.force && outcome.kind === 'created' && closed !== null
  return [
    ...(forced ? [{ ...override, kind: 'force' as const, because: closed }] : []),
    ...(overCapacity ? [{ ...override, kind: 'overCapacity' as const, because: null }] : []),
  ]
}
