import type { LmsSource } from '../../source/source.ts'
import type { FindCourseRun } from './course-runs.ts'
import { ENROLLMENTS } from './lms-enrollment.ts'
import type { LocatedEnrollment, StoredRow } from './read-stored.ts'

interface Row {
  readonly row: StoredRow
  readonly lms: LocatedEnrollment
}

/**
 * Rows of the LMS that are the same enrollment as an earlier one, because it tells keys apart that are one here: with the id
 * of the earlier one. An id of which the LMS knows no more is no other row.
 */
export async function otherRowsOf(
  rows: readonly Row[],
  { source, find }: { readonly source: LmsSource; readonly find: FindCourseRun },
): Promise<ReadonlyMap<LocatedEnrollment, number>> {
  const others = new Map<LocatedEnrollment, number>()
  const firsts = new Map<string, number>()
  for (const { row, lms } of rows) {
    if (row.learner_id === null) continue
    const pair = pairOf(lms)
    const first = firsts.get(pair)
    if (first === undefined) firsts.set(pair, lms.id)
    else others.set(lms, first)
  }
  const linked = rows.filter(({ row, lms }) => row.lms_id !== null && row.lms_id !== lms.id)
  if (linked.length === 0) return others
  const found = await source.query<{ id: number | string; user_id: number; course_id: string }>(
    `select id, user_id, course_id from ${ENROLLMENTS} where id in (?)`,
    [linked.map(({ row }) => row.lms_id)],
  )
  const pairs = new Map(found.map((row) => [Number(row.id), `${row.user_id}:${find(row.course_id)?.id ?? ''}`]))
  for (const { row, lms } of linked) {
    if (row.lms_id !== null && pairs.get(row.lms_id) === pairOf(lms)) others.set(lms, row.lms_id)
  }
  return others
}

function pairOf({ userId, courseId }: LocatedEnrollment): string {
  return `${userId}:${courseId}`
}
