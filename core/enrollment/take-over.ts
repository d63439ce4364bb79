import { sql, type Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import { LOST_RACE, retryOnSerializationFailure } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import type { CallMetadata, ChangeKind } from './command.ts'
import { kindOf } from './decide.ts'
import { changeEnrollment, startPair } from './plan.ts'
import { writeChanges } from './write.ts'

/** What the LMS says of an enrollment now. */
export interface PresentRow {
  readonly username: string
  /** Stored key. */
  readonly courseId: string
  readonly mode: string
  readonly isActive: boolean
}

/**
 * Brings an enrollment in a course run of the LMS to what the LMS says, with the event of any other change; what is equal changes
 * nothing (adoption.md §3). Attributes stay as they are.
 *
 * @param trx keeps the owner of the course run, see {@link lockRunsOwnedByLms}.
 * @returns what changed; null: nothing, or there is no such account or course run here.
 */
export function takeOver(trx: Transaction<DB>, row: PresentRow, metadata: CallMetadata): Promise<ChangeKind | null> {
  return retryOnSerializationFailure(trx, async () => {
    const pair = await readPair(trx, row)
    if (pair === null) return null
    const plan = startPair(pair)
    const after = { mode: row.mode, isActive: row.isActive }
    const kind = kindOf(plan.state, after)
    if (kind === 'unchanged') {
      await agree(trx, pair.enrollmentId, plan.state?.version)
      return null
    }
    const at = instantFromDate(metadata.now)
    changeEnrollment(plan, { index: 0, kind, after, reason: null, enterpriseUuid: null, at })
    const { lost, enrollmentIds } = await writeChanges(trx, [plan], () => metadata, { whoeverOwns: true })
    if (lost.size > 0) return LOST_RACE
    await agree(trx, enrollmentIds.get(plan) ?? null, plan.state?.version)
    return kind
  })
}

async function readPair(trx: Transaction<DB>, { username, courseId }: PresentRow) {
  const row = await trx
    .selectFrom('learners as l')
    .innerJoin('courses as c', (join) => join.on('c.course_key', '=', courseId))
    .leftJoin('enrollments as e', (join) => join.onRef('e.learner_id', '=', 'l.id').onRef('e.course_id', '=', 'c.id'))
    .select(['l.id as learnerId', 'c.id as courseId', 'e.id as enrollmentId'])
    .select(['e.version', 'e.mode', 'e.is_active as isActive', 'e.created', 'e.updated'])
    .where('l.username', '=', username)
    .executeTakeFirst()
  if (row === undefined) return null
  const { learnerId, courseId: id, enrollmentId, version, mode, isActive, created, updated } = row
  if (version === null || mode === null || isActive === null || created === null || updated === null) {
    return { learnerId, courseId: id, enrollmentId: null, enrollment: null }
  }
  return { learnerId, courseId: id, enrollmentId, enrollment: { version, mode, isActive, created, updated } }
}

/** Both sides say the same of this version. */
async function agree(trx: Transaction<DB>, enrollmentId: string | null, version = 1): Promise<void> {
  await sql`insert into enrollment_lms_ids (enrollment_id, agreed_version) values (${enrollmentId}::bigint, ${version}::integer)
    on conflict (enrollment_id) do update set agreed_version = excluded.agreed_version`.execute(trx)
}
