import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { LearnerAddress } from '../learner/resolve-learners.ts'
import type { BatchContext } from './batch-context.ts'
import type { RecordSource } from '../record-source.ts'
import type { WhenEnrolled } from './request.ts'
import type { PreparedRow } from './rows.ts'

/** What exists of a customer, an address without an account and a course run before a row changes it. */
export interface ExistingPending {
  readonly linkId: string
  /** Whether the customer links the address, and no account has taken the link. */
  readonly isLinked: boolean
  readonly isPermanentlyUnlinked: boolean
  /** What waits to be enrolled in the course run; null: nothing does. */
  readonly waiting: WaitingEnrollment | null
}

export interface WaitingEnrollment extends RequestedTerms {
  readonly id: string
}

/** How an address is to be enrolled once it has an account. */
export interface RequestedTerms {
  /** Null: the best that the course run offers when there is an account. */
  readonly mode: string | null
  readonly license: string | null
  readonly transaction: string | null
  readonly cohort: string | null
  /** In percent, at most five decimal places. */
  readonly discount: number
  readonly force: boolean
  readonly isDefaultAutoEnrollment: boolean
  readonly source: RecordSource
  readonly whenEnrolled: WhenEnrolled
}

/**
 * Links a customer with addresses that were never linked, and locks the links of all, in the order of the addresses:
 * transactions about the same addresses wait for each other. The accounts of the learners are locked before.
 */
export async function lockAddresses(
  trx: Transaction<EnterpriseDB>,
  emails: readonly string[],
  { customer, at }: Pick<BatchContext, 'customer' | 'at'>,
): Promise<void> {
  if (emails.length === 0) return
  await trx.executeQuery(CompiledQuery.raw(LOCK, [[...new Set(emails)], customer.id, at]))
}

// An update that changes nothing locks the row all the same.
const LOCK = `/* enterprise.lockAddresses */
insert into enterprise_pending_links as k (email, customer_id, created)
select email, $2::integer, $3::timestamptz from unnest((select $1::text[])) as email
order by email
on conflict (email, customer_id) do update set is_linked = k.is_linked where false`

/**
 * Reads what exists of rows whose addresses are locked.
 *
 * @returns one element per row, in order.
 */
export async function readExistingPending(
  trx: Transaction<EnterpriseDB>,
  customerId: number,
  rows: readonly PreparedRow<LearnerAddress>[],
): Promise<ExistingPending[]> {
  if (rows.length === 0) return []
  const emails = rows.map(({ learner }) => learner.email)
  const courseKeys = rows.map(({ courseKey }) => courseKey)
  const found = await trx.executeQuery<PendingRow>(CompiledQuery.raw(READ_PENDING, [customerId, emails, courseKeys]))
  return found.rows.map((row) => ({
    linkId: row.link_id,
    isLinked: row.is_linked,
    isPermanentlyUnlinked: row.is_permanently_unlinked,
    waiting: waitingOf(row),
  }))
}

function waitingOf(row: PendingRow): WaitingEnrollment | null {
  if (row.id === null) return null
  return {
    id: row.id,
    mode: row.mode,
    license: row.license_uuid,
    transaction: row.transaction_id,
    cohort: row.cohort,
    discount: Number(row.discount),
    force: row.force,
    isDefaultAutoEnrollment: row.is_default_auto_enrollment,
    source: row.source,
    whenEnrolled: row.when_enrolled,
  }
}

/** The columns after the id are those of an enrollment that waits. */
interface PendingRow {
  link_id: string
  is_linked: boolean
  is_permanently_unlinked: boolean
  id: string | null
  mode: string | null
  license_uuid: string | null
  transaction_id: string | null
  cohort: string | null
  discount: string
  force: boolean
  is_default_auto_enrollment: boolean
  source: RecordSource
  when_enrolled: WhenEnrolled
}

// One by one, as the existing states of accounts are: the "offset 0" keeps rows from being held against all of the customer.
export const READ_PENDING = `/* enterprise.existingPending */
select k.id as link_id, k.is_linked and k.taken_by is null as is_linked, k.is_permanently_unlinked,
  p.id, p.mode, p.license_uuid, p.transaction_id, p.cohort, p.discount, p.force, p.is_default_auto_enrollment,
  p.source, p.when_enrolled
from unnest((select $2::text[]), (select $3::text[])) with ordinality as a (email, course_key, n)
join lateral (
  select * from enterprise_pending_links where customer_id = $1 and email = a.email offset 0
) k on true
left join lateral (
  select * from enterprise_pending_enrollments
  where pending_link_id = k.id and course_key = a.course_key and state = 'waiting' offset 0
) p on true
order by a.n`
