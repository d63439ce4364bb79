import type { Kysely } from 'kysely'
import type { EnterpriseDB } from '../../enterprise/database/schema.ts'
import { rowsOfTables } from '../support/tables.ts'

/** Every row of every table that an enrollment of the extension writes to, in a form to compare. */
export function everythingIn(db: Kysely<EnterpriseDB>): Promise<Record<string, unknown[]>> {
  return rowsOfTables(db, [
    'enrollments',
    'enrollment_events',
    'idempotency_keys',
    'enterprise_batches',
    'enterprise_default_realizations',
    'enterprise_enrollment_records',
    'enterprise_fulfilments',
    'enterprise_learner_links',
    'enterprise_notification_intents',
    'enterprise_overrides',
    'enterprise_pending_cancellations',
    'enterprise_pending_enrollments',
    'enterprise_pending_links',
    'enterprise_revocations',
  ])
}

/** A learner as a customer knows them, in words: `active`, `linked`, `unlinked`, `unlinked for good`; null: not at all. */
export async function linkInWords(
  db: Kysely<EnterpriseDB>,
  customer: { id: number },
  learnerId: number,
): Promise<string | null> {
  const link = await db
    .selectFrom('enterprise_learner_links')
    .select(['is_linked', 'is_permanently_unlinked', 'is_active'])
    .where('customer_id', '=', customer.id)
    .where('learner_id', '=', learnerId)
    .executeTakeFirst()
  if (link === undefined) return null
  if (link.is_permanently_unlinked) return 'unlinked for good'
  if (!link.is_linked) return 'unlinked'
  return link.is_active ? 'active' : 'linked'
}

/** The record of an enrollment and its fulfilments. */
export async function recordOf(
  db: Kysely<EnterpriseDB>,
  customer: { id: number },
  learnerId: number,
  courseId: string,
) {
  const record = await db
    .selectFrom('enterprise_enrollment_records as r')
    .innerJoin('enterprise_learner_links as k', 'k.id', 'r.link_id')
    .select(['r.id', 'r.source', 'r.enrollment_version', 'r.unenrolled', 'r.unenrolled_at', 'r.saved_for_later'])
    .where('k.customer_id', '=', customer.id)
    .where('k.learner_id', '=', learnerId)
    .where('r.course_key', '=', courseId)
    .executeTakeFirst()
  if (record === undefined) return null
  const fulfilments = await db
    .selectFrom('enterprise_fulfilments')
    .select(['uuid', 'kind', 'funding_id', 'revoked'])
    .where('record_id', '=', record.id)
    .orderBy('kind')
    .orderBy((order) => order.eb('revoked', 'is', null))
    .execute()
  return { ...record, fulfilments }
}

/** What waits for an address; null: nothing does. */
export async function pendingOf(db: Kysely<EnterpriseDB>, customer: { id: number }, email: string, courseId: string) {
  const pending = await db
    .selectFrom('enterprise_pending_enrollments as p')
    .innerJoin('enterprise_pending_links as k', 'k.id', 'p.pending_link_id')
    .select([
      'p.state',
      'p.mode',
      'p.license_uuid',
      'p.transaction_id',
      'p.discount',
      'p.force',
      'p.is_default_auto_enrollment',
      'p.refusal',
      'p.attempts',
      'k.is_linked',
    ])
    .where('k.customer_id', '=', customer.id)
    .where('k.email', '=', email)
    .where('p.course_key', '=', courseId)
    .executeTakeFirst()
  return pending ?? null
}
