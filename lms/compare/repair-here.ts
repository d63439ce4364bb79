import { type Kysely } from 'kysely'
import { LOST_RACE, retryOnSerializationFailure } from '../../core/database/retry.ts'
import { changeEnrollment, startPair } from '../../core/enrollment/plan.ts'
import { writeChanges } from '../../core/enrollment/write.ts'
import { instantFromDate } from '../../core/database/instant.ts'
import type { LmsDB } from '../database/schema.ts'
import { LMS_ACTOR } from '../import/enrollments/actors.ts'
import { applyPresentRows } from '../import/enrollments/apply-present.ts'
import type { LmsSource } from '../source/source.ts'
import type { Difference } from './difference.ts'

const PIECE = 1000

/** What is repaired here: rows of the LMS that are applied, and enrollments that it does not have. */
export interface RepairsHere {
  readonly lmsIds: number[]
  readonly enrollmentIds: string[]
}

/** Notes what a difference takes to be repaired here. */
export function noteRepairHere({ lmsIds, enrollmentIds }: RepairsHere, { is, lmsId, enrollmentId }: Difference): void {
  if (is === 'onlyHere' && enrollmentId !== null) enrollmentIds.push(enrollmentId)
  else if (lmsId !== null) lmsIds.push(lmsId)
}

/**
 * Makes what is here the same as what the LMS has (adoption.md §2), whoever owns the course runs: its rows are applied as they
 * are now, and an enrollment that it does not have becomes inactive.
 *
 * @param source sees the present.
 */
export async function repairHere(
  db: Kysely<LmsDB>,
  source: LmsSource,
  { lmsIds, enrollmentIds }: RepairsHere,
  now: Date,
): Promise<void> {
  await applyPresentRows(db, source, { ids: lmsIds }, { now, anyOwner: true })
  for (let start = 0; start < enrollmentIds.length; start += PIECE) {
    await deactivate(db, enrollmentIds.slice(start, start + PIECE), now)
  }
}

async function deactivate(db: Kysely<LmsDB>, ids: readonly string[], now: Date): Promise<void> {
  const metadata = { actor: LMS_ACTOR, via: 'cli', now } as const
  await retryOnSerializationFailure<'done'>(db, async () => {
    const rows = await db
      .selectFrom('enrollments')
      .select(['id', 'learner_id', 'course_id', 'version', 'mode', 'created', 'updated'])
      .where('id', 'in', [...ids])
      .where('is_active', '=', true)
      .execute()
    if (rows.length === 0) return 'done'
    const pairs = rows.map(({ id, learner_id: learnerId, course_id: courseId, ...row }, index) => {
      const pair = startPair({ learnerId, courseId, enrollmentId: id, enrollment: { ...row, isActive: true } })
      const after = { mode: row.mode, isActive: false }
      const at = instantFromDate(now)
      changeEnrollment(pair, { index, kind: 'deactivated', after, reason: null, enterpriseUuid: null, at })
      return pair
    })
    const { lost } = await writeChanges(db, pairs, () => metadata, { whoeverOwns: true })
    return lost.size > 0 ? LOST_RACE : 'done'
  })
}
