import { failure } from '../../core/errors.ts'
import { isStorableText, parseCourseKey } from '../../routers/extension.ts'
import type { Policy } from '../../routers/index.ts'
import type { RowLearner } from '../learner/resolve-learners.ts'
import { refusalFrom } from '../refusal.ts'
import { fundingOf } from './decide-account.ts'
import { bestMode, type Offers } from './facts-offers.ts'
import type { NumberedRow, PreparedRow, RejectedRow, ResolvedRow } from './rows.ts'

/** Joins a row with the learner that it names, or rejects it for what it says. Pure. */
export function resolveRow(row: NumberedRow, learner: RowLearner): ResolvedRow | RejectedRow {
  if (learner.is === 'unknown') return { ...row, learner, refusal: learner.refusal }
  const funding = fundingOf(row.request)
  if (!funding.ok) return { ...row, learner, refusal: funding.refusal }
  const { courseId } = row.request
  if (learner.is === 'address' && !isCourseKey(courseId)) {
    return { ...row, learner, refusal: refusalFrom(failure('invalidCourseKey', { courseId })) }
  }
  return { ...row, learner, funding: funding.funding }
}

/** A row for an address is kept until it is fulfilled: its key has to be one that a course run can have (enterprise C.0 E12). */
function isCourseKey(courseId: string): boolean {
  return parseCourseKey(courseId) !== null && [...courseId].length <= 255 && isStorableText(courseId)
}

/** Adds the course run of a row, and the mode that follows from it. Pure. */
export function prepareRow(row: ResolvedRow, offers: Offers, policy: Policy | undefined): PreparedRow {
  const offer = offers.get(row.request.courseId) ?? null
  const courseKey = offer?.courseId ?? row.request.courseId
  return { ...row, offer, courseKey, mode: row.request.mode ?? bestMode(offer, policy) }
}

/**
 * Cuts rows into the longest segments in which no learner and course run come twice. Rows of a segment do not see each other
 * but for the seats of a course run, which core counts in their order; so segments one after another equal rows one after
 * another. Pure.
 */
export function segmentsOf(rows: readonly PreparedRow[]): PreparedRow[][] {
  const segments: PreparedRow[][] = []
  let seen = new Set<string>()
  let segment: PreparedRow[] = []
  for (const row of rows) {
    const pair = pairOf(row)
    if (seen.has(pair)) {
      segments.push(segment)
      segment = []
      seen = new Set()
    }
    seen.add(pair)
    segment.push(row)
  }
  return segment.length > 0 ? [...segments, segment] : segments
}

function pairOf({ learner, courseKey }: PreparedRow): string {
  return learner.is === 'account' ? `account ${learner.id} ${courseKey}` : `address ${learner.email} ${courseKey}`
}
