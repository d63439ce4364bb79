import { failure } from '../../core/errors.ts'
import { refusal, refusalFrom, transactionSuperseded, type Refusal, type Warning } from '../refusal.ts'
import type { EnrolledResult, RowResult, WaitingResult } from './rows.ts'
import type { Override } from './write-audit.ts'

/** What the caller is told of a row beside its result. */
export interface RowRemarks {
  /** The enrollment takes a seat beyond the last one (enterprise C.4 row 12). */
  readonly overCapacity: boolean
  /** What would refuse a waiting row if its learner had an account now (enterprise C.6 row 8), and what a row superseded. */
  readonly warnings: Warning[]
}

/**
 * Finds what the caller is told of a row beside its result. Pure.
 *
 * @param seatsTaken right after the row; null: nothing limits the seats.
 */
export function remarksOn(result: RowResult, seatsTaken: number | null): RowRemarks {
  if (result.is === 'enrolled') {
    return { overCapacity: isOverCapacity(result, seatsTaken), warnings: supersededBy(result) }
  }
  return { overCapacity: false, warnings: result.is === 'waiting' ? warningsOf(result, seatsTaken) : [] }
}

function supersededBy({ fulfilment }: EnrolledResult): Warning[] {
  if (!fulfilment?.superseded) return []
  const { fundingId, uuid } = fulfilment.superseded
  return [transactionSuperseded({ transaction: fundingId, fulfilmentId: uuid })]
}

/** Only a reactivation gets past the last seat: core counts the seats before it adds an enrollment. */
function isOverCapacity({ row, outcome }: EnrolledResult, seatsTaken: number | null): boolean {
  const limit = row.offer?.maxEnrollments ?? null
  return outcome.kind === 'reactivated' && limit !== null && seatsTaken !== null && seatsTaken > limit
}

function warningsOf({ row: { request, offer, mode } }: WaitingResult, seatsTaken: number | null): Refusal[] {
  if (offer === null) return [refusalFrom(failure('courseNotFound', { courseId: request.courseId }))]
  const warnings: Refusal[] = []
  const available = [...new Set(offer.modes.map(({ slug }) => slug))]
  if (!available.includes(mode)) warnings.push(refusal('modeNotAvailable', { mode, available }))
  if (offer.closed !== null && !request.force) {
    warnings.push(refusalFrom(failure('enrollmentClosed', { because: offer.closed })))
  }
  const limit = offer.maxEnrollments
  if (limit !== null && seatsTaken !== null && seatsTaken >= limit) {
    warnings.push(refusalFrom(failure('courseFull', { limit })))
  }
  return warnings
}

/** The rules that a row has lifted, for the audit trail. */
export function overridesOf(result: RowResult, { overCapacity }: RowRemarks): Override[] {
  if (result.is !== 'enrolled') return []
  const { row, outcome } = result
  const override = { rowIndex: row.index, enrollmentId: outcome.enrollment.id }
  const closed = row.offer?.closed ?? null
  const forced = row.request.force && outcome.kind === 'created' && closed !== null
  return [
    ...(forced ? [{ ...override, kind: 'force' as const, because: closed }] : []),
    ...(overCapacity ? [{ ...override, kind: 'overCapacity' as const, because: null }] : []),
  ]
}
