import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** A pending enrollment or a fulfilment of a learner in a course run, for people. */
export interface EnterpriseTrace {
  /** ISO 8601, UTC. */
  readonly at: string
  readonly kind: string
  readonly says: string
}

/**
 * Reads what customers have asked for a learner or an address in a course run, and what became of it, and what pays for an
 * enrollment: oldest first.
 *
 * @param subject.learnerId the key inside this database; null: no account.
 * @param subject.email folded; null: none is known.
 * @param subject.courseKey as it is stored.
 */
export async function readEnterpriseTraces(
  db: Kysely<DB>,
  subject: { readonly learnerId: number | null; readonly email: string | null; readonly courseKey: string },
): Promise<EnterpriseTrace[]> {
  const { learnerId, email, courseKey } = subject
  const pending = await db.executeQuery<PendingRow>(CompiledQuery.raw(PENDING, [email, learnerId, courseKey]))
  const paid = await db.executeQuery<PaidRow>(CompiledQuery.raw(PAID, [learnerId, courseKey]))
  return [...pending.rows.map(pendingTrace), ...paid.rows.map(paidTrace)].toSorted((a, b) => (a.at < b.at ? -1 : 1))
}

interface PendingRow {
  readonly updated: string
  readonly email: string
  readonly customer: string
  readonly state: string
  readonly refusal: string | null
  readonly mode: string | null
  readonly attempts: number
  readonly next_attempt: string | null
  readonly batch_id: string
}

function pendingTrace(row: PendingRow): EnterpriseTrace {
  const parts = [
    `${row.state}${row.refusal === null ? '' : ` (${row.refusal})`}`,
    `for ${row.email} by ${row.customer}`,
    `mode ${row.mode ?? 'the best offered'}`,
    row.attempts > 0 && `${row.attempts} attempts`,
    row.next_attempt !== null && `next at ${row.next_attempt}`,
    `batch ${row.batch_id}`,
  ]
  return { at: row.updated, kind: 'pending', says: parts.filter(Boolean).join(', ') }
}

interface PaidRow {
  readonly at: string
  readonly customer: string
  readonly kind: string
  readonly funding_id: string
  readonly revoked: string | null
}

function paidTrace({ at, customer, kind, funding_id: id, revoked }: PaidRow): EnterpriseTrace {
  const end = revoked === null ? '' : `, revoked at ${revoked}`
  return { at, kind: 'funding', says: `${kind} ${id} of ${customer}${end}` }
}

const PENDING = `/* enterprise.pendingTraces */
select p.updated, k.email, u.name as customer, p.state, p.refusal, p.mode, p.attempts, p.next_attempt, p.batch_id
from enterprise_pending_links k join enterprise_customers u on u.id = k.customer_id
join enterprise_pending_enrollments p on p.pending_link_id = k.id
where (k.email = $1::text or k.taken_by = $2::integer) and p.course_key = $3::text
order by p.updated desc limit 20`

const PAID = `/* enterprise.fundingTraces */
select f.created as at, u.name as customer, f.kind, f.funding_id, f.revoked
from enterprise_learner_links l join enterprise_customers u on u.id = l.customer_id
join enterprise_enrollment_records r on r.link_id = l.id
join enterprise_fulfilments f on f.record_id = r.id
where l.learner_id = $1::integer and r.course_key = $2::text
order by f.created desc limit 20`
