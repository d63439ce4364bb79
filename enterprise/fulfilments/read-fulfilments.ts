import { sql, type Kysely } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { FundingKind } from '../refusal.ts'

/** What pays for an enrollment, with the record of the customer (enterprise-routes.md §2.3). JSON as it stands. */
export interface FulfilmentDetails {
  fulfilmentId: string
  kind: FundingKind
  /** The UUID of the license or of the transaction. */
  fundingId: string
  isRevoked: boolean
  /** The UUID of the customer. */
  customer: string
  userId: string
  courseId: string
  /** The id of the link between customer and learner, as it was before a move. */
  linkId: string
  /** Since when the customer records the enrollment. Instants are ISO 8601, UTC, with six digits of fraction or none. */
  created: string
  /** Null: the enrollment has not ended for the customer. */
  unenrolledAt: string | null
}

/** Which fulfilments are meant. */
export type FulfilmentFilter =
  | { readonly fulfilmentId: string; readonly customer?: string | undefined }
  /** Those whose record says that the enrollment has ended, and whose enrollment is not active (enterprise-routes.md §2.5). */
  | { readonly unenrolledSince: string | null; readonly kind: FundingKind }

/** Reads fulfilments, those that ended first first. */
export async function readFulfilments(
  db: Kysely<EnterpriseDB>,
  filter: FulfilmentFilter,
): Promise<FulfilmentDetails[]> {
  let query = db
    .selectFrom('enterprise_fulfilments as f')
    .innerJoin('enterprise_enrollment_records as r', 'r.id', 'f.record_id')
    .innerJoin('enterprise_learner_links as k', 'k.id', 'r.link_id')
    .innerJoin('learners as l', 'l.id', 'k.learner_id')
    .innerJoin('enterprise_customers as c', 'c.id', 'k.customer_id')
    .select([
      'f.uuid as fulfilmentId',
      'f.kind',
      'f.funding_id as fundingId',
      'f.revoked',
      'c.uuid as customer',
      'l.user_id',
      'r.course_key as courseId',
      'r.created',
      'r.unenrolled_at as unenrolledAt',
    ])
    .select(sql<string>`coalesce(r.shown_link_id, k.shown_id, k.id)`.as('linkId'))
    .orderBy('r.unenrolled_at')
    .orderBy('f.uuid')
  if ('fulfilmentId' in filter) {
    query = query.where('f.uuid', '=', filter.fulfilmentId)
    if (filter.customer !== undefined) query = query.where('c.uuid', '=', filter.customer)
  } else {
    query = query
      .innerJoin('enrollments as e', 'e.id', 'r.enrollment_id')
      .where('f.kind', '=', filter.kind)
      .where('r.unenrolled_at', 'is not', null)
      .where('e.is_active', '=', false)
    if (filter.unenrolledSince !== null) query = query.where('r.unenrolled_at', '>=', filter.unenrolledSince)
  }
  const rows = await query.execute()
  return rows.map(({ kind, revoked, user_id, ...row }) => ({
    ...row,
    // A check of the table leaves no other kind.
    kind: kind as FundingKind,
    isRevoked: revoked !== null,
    userId: String(user_id),
  }))
}
