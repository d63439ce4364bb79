import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Policy } from '../policy.ts'
import type { NeedsTransaction } from './batch.ts'
import type { BatchItem } from './command.ts'
import { knownCourseOf } from './foresee.ts'
import { knownCoursesOf } from './known-courses.ts'
import { locksSeatsFirst } from './seat-outlook.ts'

/**
 * That a command needs a transaction, where it is known before anything is read: for seats of a course run that had a limit when it
 * was read last, or for attributes. The attempt finds out by itself if that is not so.
 */
export function needsTransactionAhead(db: Kysely<DB>, { command }: BatchItem, policy: Policy): NeedsTransaction | null {
  // Not before the filters were asked.
  if (policy.filters !== undefined && policy.filters.length > 0) return null
  const known = knownCourseOf(command, knownCoursesOf(db))
  if (known !== undefined && known.course.maxEnrollments !== null) {
    return locksSeatsFirst(known) ? { contendsFor: known.course.courseId } : null
  }
  return command.attributes === null ? null : { contendsFor: null }
}

/** The same for a batch: the course runs for whose seats it contends; none where it is read first. */
export function seatsAhead(db: Kysely<DB>, items: readonly BatchItem[], policy: Policy): string[] {
  const needs = items.map((item) => needsTransactionAhead(db, item, policy))
  return [...new Set(needs.flatMap((need) => need?.contendsFor ?? []))]
}
