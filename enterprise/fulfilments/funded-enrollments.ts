import { sql, type Kysely, type Transaction } from 'kysely'
import { lockLearners } from '../../routers/extension.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import type { FundingKind } from '../refusal.ts'

/** An enrollment with one of the fulfilments that pay for it. */
export interface FundedEnrollment {
  readonly fulfilmentId: string
  readonly kind: FundingKind
  /** The UUID of the license or of the transaction. */
  readonly fundingId: string
  readonly isRevoked: boolean
  readonly recordId: string
  readonly isSavedForLater: boolean
  readonly enrollmentId: string
  readonly learnerId: number
  /** The id of the learner that everybody is shown. */
  readonly userId: number
  readonly courseId: string
}

/** Which enrollments are meant; what is left out narrows nothing. */
export interface FundedFilter {
  readonly fulfilmentIds?: readonly string[]
  readonly kind?: FundingKind
  readonly fundingIds?: readonly string[] | undefined
  readonly customerId?: number | undefined
  readonly learnerId?: number
}

/** Reads funded enrollments, by learner and then in the order in which customers recorded them. */
export async function readFundedEnrollments(
  db: Kysely<EnterpriseDB>,
  filter: FundedFilter,
): Promise<FundedEnrollment[]> {
  const { fulfilmentIds, kind, fundingIds, customerId, learnerId } = filter
  let query = db
    .selectFrom('enterprise_fulfilments as f')
    .innerJoin('enterprise_enrollment_records as r', 'r.id', 'f.record_id')
    .innerJoin('enterprise_learner_links as k', 'k.id', 'r.link_id')
    .innerJoin('learners as l', 'l.id', 'k.learner_id')
    .select([
      'f.uuid as fulfilmentId',
      'f.kind',
      'f.funding_id as fundingId',
      'f.revoked',
      'r.id as recordId',
      'r.saved_for_later as isSavedForLater',
      'r.enrollment_id as enrollmentId',
      'k.learner_id as learnerId',
      'l.user_id as userId',
      'r.course_key as courseId',
    ])
  if (fulfilmentIds) query = query.where(sql<boolean>`f.uuid = any (${fulfilmentIds}::uuid[])`)
  if (fundingIds) query = query.where(sql<boolean>`f.funding_id = any (${fundingIds}::uuid[])`)
  if (kind) query = query.where('f.kind', '=', kind)
  if (customerId !== undefined) query = query.where('k.customer_id', '=', customerId)
  if (learnerId !== undefined) query = query.where('k.learner_id', '=', learnerId)
  const rows = await query.orderBy('k.learner_id').orderBy('r.id').execute()
  // A check of the table leaves no other kind.
  return rows.map(({ revoked, ...row }) => ({ ...row, kind: row.kind as FundingKind, isRevoked: revoked !== null }))
}

/** Locks the accounts of funded enrollments, and reads the enrollments as they are by then. */
export async function lockFundedEnrollments(
  trx: Transaction<EnterpriseDB>,
  filter: FundedFilter,
): Promise<FundedEnrollment[]> {
  const ids = new Set((await readFundedEnrollments(trx, filter)).map(({ learnerId }) => learnerId))
  if (ids.size === 0) return []
  await lockLearners(trx, { ids: [...ids] })
  return readFundedEnrollments(trx, filter)
}
