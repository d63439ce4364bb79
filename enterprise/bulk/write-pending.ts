import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { BatchContext } from './batch-context.ts'
import type { RequestedTerms } from './facts-addresses.ts'

/** An enrollment that waits for an account from now on. */
export interface PendingChange {
  readonly linkId: string
  readonly courseKey: string
  readonly terms: RequestedTerms
}

/** Writes enrollments that wait for accounts; one that was fulfilled, refused or cancelled before waits again. */
export async function writePending(
  trx: Transaction<EnterpriseDB>,
  changes: readonly PendingChange[],
  { batchId, at }: Pick<BatchContext, 'batchId' | 'at'>,
): Promise<void> {
  if (changes.length === 0) return
  const terms = changes.map((change) => change.terms)
  await trx.executeQuery(
    CompiledQuery.raw(WRITE, [
      changes.map(({ linkId }) => linkId),
      changes.map(({ courseKey }) => courseKey),
      terms.map(({ mode }) => mode),
      terms.map(({ license }) => license),
      terms.map(({ transaction }) => transaction),
      terms.map(({ discount }) => discount),
      terms.map(({ force }) => force),
      terms.map(({ isDefaultAutoEnrollment }) => isDefaultAutoEnrollment),
      batchId,
      at,
      terms.map(({ source }) => source),
      terms.map(({ whenEnrolled }) => whenEnrolled),
      terms.map(({ cohort }) => cohort),
    ]),
  )
}

const WRITE = `/* enterprise.writePending */
insert into enterprise_pending_enrollments (pending_link_id, course_key, mode, license_uuid, transaction_id, discount,
  force, is_default_auto_enrollment, source, when_enrolled, cohort, batch_id, created, updated)
select w.*, $9::uuid, $10::timestamptz, $10::timestamptz
from unnest((select $1::bigint[]), (select $2::text[]), (select $3::text[]), (select $4::uuid[]), (select $5::uuid[]),
  (select $6::numeric[]), (select $7::boolean[]), (select $8::boolean[]), (select $11::text[]),
  (select $12::text[]), (select $13::text[])) as w
on conflict (pending_link_id, course_key) do update
set mode = excluded.mode, license_uuid = excluded.license_uuid, transaction_id = excluded.transaction_id,
  discount = excluded.discount, force = excluded.force,
  is_default_auto_enrollment = excluded.is_default_auto_enrollment, source = excluded.source,
  when_enrolled = excluded.when_enrolled, cohort = excluded.cohort, batch_id = excluded.batch_id, salesforce_id = null,
  state = 'waiting', refusal = null, attempts = 0, next_attempt = null, enrollment_id = null, carried_out_in = null,
  updated = excluded.updated`
