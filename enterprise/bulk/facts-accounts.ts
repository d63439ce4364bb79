import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { LearnerAccount } from '../learner/resolve-learners.ts'
import type { FundingKind } from '../refusal.ts'
import type { Fulfilment, Fulfilments } from './decide-funding.ts'
import type { PreparedRow } from './rows.ts'

/** What exists of a customer, a learner and a course run before a row changes it. */
export interface ExistingState {
  /** Null: they were never linked. */
  readonly link: LearnerLink | null
  /** Null: the customer knows nothing of the enrollment. */
  readonly record: EnrollmentRecord | null
  readonly fulfilments: Fulfilments
  /** The intention of the customer to enroll its learners in the course run by default. */
  readonly intentionId: number | null
}

export interface LearnerLink {
  readonly id: string
  readonly isLinked: boolean
  readonly isPermanentlyUnlinked: boolean
  readonly isActive: boolean
}

export interface EnrollmentRecord {
  readonly id: string
  readonly enrollmentVersion: number
  /** Whether it says that the enrollment has ended, or is saved for later. */
  readonly isFlagged: boolean
}

/**
 * Reads the existing state of rows in one statement.
 *
 * @returns one element per row, in order.
 */
export async function readExistingStates(
  trx: Transaction<EnterpriseDB>,
  customerId: number,
  rows: readonly PreparedRow<LearnerAccount>[],
): Promise<ExistingState[]> {
  if (rows.length === 0) return []
  const learnerIds = rows.map(({ learner }) => learner.id)
  // What is no key of a course run has no record, and may be a text that the database refuses.
  const courseKeys = rows.map(({ offer }) => offer?.courseId ?? null)
  const found = await trx.executeQuery<StateRow>(CompiledQuery.raw(READ_STATES, [customerId, learnerIds, courseKeys]))
  return found.rows.map(stateOf)
}

function stateOf(row: StateRow): ExistingState {
  return {
    link: linkOf(row),
    record: recordOf(row),
    fulfilments: {
      license: fulfilmentOf(row.license_fulfilment, row.license_id, row.license_is_revoked),
      transaction: fulfilmentOf(row.transaction_fulfilment, row.transaction_id, row.transaction_is_revoked),
      revokedFundings: new Set(row.revoked_fundings),
      isCommitted: row.transaction_is_committed,
    },
    intentionId: row.intention_id,
  }
}

function linkOf(row: StateRow): LearnerLink | null {
  if (row.link_id === null) return null
  return {
    id: row.link_id,
    isLinked: row.is_linked,
    isPermanentlyUnlinked: row.is_permanently_unlinked,
    isActive: row.is_active,
  }
}

function recordOf(row: StateRow): EnrollmentRecord | null {
  if (row.record_id === null) return null
  return {
    id: row.record_id,
    enrollmentVersion: row.enrollment_version,
    isFlagged: row.unenrolled || row.saved_for_later,
  }
}

function fulfilmentOf(uuid: string | null, fundingId: string, isRevoked: boolean): Fulfilment | null {
  return uuid === null ? null : { uuid, fundingId, isRevoked }
}

/** Columns of a link, a record and a fulfilment are null together with their id. */
interface StateRow {
  link_id: string | null
  is_linked: boolean
  is_permanently_unlinked: boolean
  is_active: boolean
  record_id: string | null
  enrollment_version: number
  unenrolled: boolean
  saved_for_later: boolean
  license_fulfilment: string | null
  license_id: string
  license_is_revoked: boolean
  transaction_fulfilment: string | null
  transaction_id: string
  transaction_is_revoked: boolean
  transaction_is_committed: boolean
  revoked_fundings: string[]
  intention_id: number | null
}

/** The fulfilment of a kind that pays, or else the latest one. */
function latest(kind: FundingKind): string {
  return `select f.uuid, f.funding_id, f.revoked from enterprise_fulfilments f
    where r.id is not null and f.record_id = r.id and f.kind = '${kind}' order by f.revoked is null desc, f.created desc, f.uuid limit 1`
}

// Links, records and intentions are found one by one, as the "offset 0" says: in a plan that was made while there were few of
// them, every row would be held against each of the customer, or all of them would be read. What hangs on a record is looked for only where there is one.
export const READ_STATES = `/* enterprise.existingStates */
select k.id as link_id, k.is_linked, k.is_permanently_unlinked, k.is_active,
  r.id as record_id, r.enrollment_version, r.unenrolled, r.saved_for_later,
  l.uuid as license_fulfilment, l.funding_id as license_id, l.revoked is not null as license_is_revoked,
  t.uuid as transaction_fulfilment, t.funding_id as transaction_id, t.revoked is not null as transaction_is_revoked,
  t.uuid is not null and exists (
    select from enterprise_ledger_transactions g where g.uuid = t.funding_id and g.state = 'committed'
  ) as transaction_is_committed,
  case when r.id is null then '{}' else array(
    select f.funding_id from enterprise_fulfilments f where f.record_id = r.id and f.revoked is not null
    union
    select v.funding_id from enterprise_fulfilments f join enterprise_revocations v on v.fulfilment_uuid = f.uuid
    where f.record_id = r.id
  ) end as revoked_fundings,
  d.id as intention_id
from unnest((select $2::integer[]), (select $3::text[])) with ordinality as a (learner_id, course_key, n)
left join lateral (
  select * from enterprise_learner_links where learner_id = a.learner_id and customer_id = $1 offset 0
) k on true
left join lateral (
  select * from enterprise_enrollment_records where link_id = k.id and course_key = a.course_key offset 0
) r on true
left join lateral (${latest('license')}) l on true
left join lateral (${latest('transaction')}) t on true
left join lateral (
  select id from enterprise_default_intentions
  where customer_id = $1 and course_key = a.course_key and not is_removed offset 0
) d on true
order by a.n`
