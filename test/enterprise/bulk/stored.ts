import type { Kysely } from 'kysely'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import type { BuiltWorld } from './worlds.ts'

/** All that is kept of a world, in the order in which it happened, without ids and names that only this world has. */
export async function stored(db: Kysely<EnterpriseDB>, { customer, learners, courses, addresses }: BuiltWorld) {
  const who = (id: number | null) => learners.findIndex((learner) => learner.id === id)
  const which = (key: string) => (courses.includes(key) ? courses.indexOf(key) : key)
  const where = (email: string | null) => (email === null ? null : addresses.indexOf(email))

  const enrollments = await db
    .selectFrom('enrollments as e')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['e.learner_id', 'c.course_key', 'e.version', 'e.mode', 'e.is_active'])
    .where('c.course_key', 'in', courses)
    .orderBy('e.learner_id')
    .orderBy('e.course_id')
    .execute()
  const events = await db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['e.learner_id', 'c.course_key', 'v.version', 'v.kind', 'v.after_mode', 'v.enterprise_uuid'])
    .where('c.course_key', 'in', courses)
    .orderBy('v.id')
    .execute()
  const links = await db
    .selectFrom('enterprise_learner_links')
    .select(['learner_id', 'is_linked', 'is_permanently_unlinked', 'is_active'])
    .where('customer_id', '=', customer.id)
    .orderBy('learner_id')
    .execute()
  const records = await db
    .selectFrom('enterprise_enrollment_records as r')
    .innerJoin('enterprise_learner_links as k', 'k.id', 'r.link_id')
    .innerJoin('courses as c', 'c.course_key', 'r.course_key')
    .select(['k.learner_id', 'r.course_key', 'r.enrollment_version', 'r.unenrolled', 'r.saved_for_later'])
    .where('k.customer_id', '=', customer.id)
    .orderBy('k.learner_id')
    .orderBy('c.id')
    .execute()
  const fulfilments = await db
    .selectFrom('enterprise_fulfilments as f')
    .innerJoin('enterprise_enrollment_records as r', 'r.id', 'f.record_id')
    .innerJoin('enterprise_learner_links as k', 'k.id', 'r.link_id')
    .innerJoin('courses as c', 'c.course_key', 'r.course_key')
    .leftJoin('enterprise_default_realizations as d', 'd.record_id', 'r.id')
    .select(['k.learner_id', 'r.course_key', 'f.kind', 'f.funding_id', 'f.revoked', 'd.created as realized'])
    .where('k.customer_id', '=', customer.id)
    .orderBy('k.learner_id')
    .orderBy('c.id')
    .orderBy('f.kind')
    .orderBy('f.funding_id')
    .execute()
  const pending = await db
    .selectFrom('enterprise_pending_links as k')
    .leftJoin('enterprise_pending_enrollments as p', 'p.pending_link_id', 'k.id')
    .select(['k.email', 'k.is_linked', 'p.course_key', 'p.mode', 'p.license_uuid', 'p.transaction_id', 'p.discount'])
    .select(['p.force', 'p.is_default_auto_enrollment', 'p.state'])
    .where('k.customer_id', '=', customer.id)
    .execute()
  const overrides = await db
    .selectFrom('enterprise_overrides as o')
    .innerJoin('enterprise_batches as b', 'b.id', 'o.batch_id')
    .innerJoin('enrollments as e', 'e.id', 'o.enrollment_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select(['e.learner_id', 'c.course_key', 'o.kind', 'o.because'])
    .where('b.customer_id', '=', customer.id)
    .orderBy('o.id')
    .execute()
  const told = await db
    .selectFrom('enterprise_notification_intents as n')
    .innerJoin('enterprise_batches as b', 'b.id', 'n.batch_id')
    .select(['n.learner_id', 'n.email', 'n.course_key'])
    .where('b.customer_id', '=', customer.id)
    .orderBy('n.id')
    .execute()

  const plain = <R extends { learner_id: number | null; course_key: string }>(rows: readonly R[]) =>
    rows.map((row) => ({ ...row, learner_id: who(row.learner_id), course_key: which(row.course_key) }))
  return {
    enrollments: plain(enrollments),
    events: plain(events).map((row) => ({ ...row, enterprise_uuid: row.enterprise_uuid === customer.uuid })),
    links: links.map((row) => ({ ...row, learner_id: who(row.learner_id) })),
    records: plain(records),
    fulfilments: plain(fulfilments),
    pending: pending
      .map((row) => JSON.stringify({ ...row, email: where(row.email), course_key: which(row.course_key ?? '') }))
      .toSorted(),
    overrides: plain(overrides),
    told: plain(told).map((row) => ({ ...row, email: where(row.email) })),
  }
}
