import { CompiledQuery, type Transaction } from 'kysely'
import type { RowOutcome } from '../bulk/answer.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import type { RowLearner } from '../learner/resolve-learners.ts'
import type { RefusalCode } from '../refusal.ts'
import type { OperationContext } from '../operation.ts'
import { traceCancellations } from './cancel-sql.ts'
import type { DueRow } from './due-rows.ts'

/**
 * What becomes of a row that was due.
 * - `fulfilled`: the learner is enrolled as it asks.
 * - `refused`: for good, unless somebody sends the row again.
 * - `cancelled`: the customer has unlinked the address in the meantime.
 * - `withoutAccount`: nobody has the address now; it waits on.
 * - `postponed`: others or the database were in the way, or the LMS owns the course run; it is due again when its claim ends.
 */
export type Resolution =
  | { readonly is: 'fulfilled'; readonly enrollmentId: string | null }
  | { readonly is: 'refused'; readonly code: RefusalCode }
  | { readonly is: 'cancelled' | 'withoutAccount' | 'postponed' }

/**
 * The resolution of a row that is not attempted; null: it is to be attempted.
 *
 * @param learner the account of the address; undefined: the row was sent anew in the meantime.
 */
export function resolveUnattempted(
  { isLinked, isPermanentlyUnlinked }: DueRow,
  learner: RowLearner | undefined,
): Resolution | null {
  if (learner === undefined) return { is: 'postponed' }
  if (learner.is !== 'account') return { is: 'withoutAccount' }
  if (isPermanentlyUnlinked) return { is: 'refused', code: 'linkForbidden' }
  return isLinked ? null : { is: 'cancelled' }
}

/**
 * The resolution of a row after an attempt. What the course run or the customer has against it is final, also what time might
 * change (a window that is yet to open, a seat that gets free): whoever asked sees the code, and decides.
 */
export function resolutionOf(outcome: RowOutcome | undefined): Resolution {
  if (outcome === undefined) throw new RangeError('Each row that is attempted has an outcome')
  if (outcome.ok) return { is: 'fulfilled', enrollmentId: outcome.enrollmentId }
  // What the LMS owns now may be owned here later.
  return outcome.retryable || outcome.code === 'ownedByLms'
    ? { is: 'postponed' }
    : { is: 'refused', code: outcome.code }
}

/** Why rows are cancelled that nobody has cancelled by name. */
const UNLINKED = 'The customer has unlinked the address'

/** Writes the resolutions of rows whose links are locked. */
export async function writeResolutions(
  trx: Transaction<EnterpriseDB>,
  resolved: readonly { readonly row: DueRow; readonly resolution: Resolution }[],
  batch: OperationContext & { readonly batchId: string },
): Promise<void> {
  const waiting = resolved.filter(({ resolution: { is } }) => is === 'withoutAccount').map(({ row }) => row.id)
  const ended = resolved.filter(({ resolution: { is } }) => is !== 'withoutAccount' && is !== 'postponed')
  if (waiting.length > 0) await trx.executeQuery(CompiledQuery.raw(KEEP_WAITING, [waiting, batch.at]))
  if (ended.length === 0) return
  await trx.executeQuery(
    CompiledQuery.raw(RESOLVE, [
      ended.map(({ row }) => row.id),
      ended.map(({ resolution }) => resolution.is),
      ended.map(({ resolution }) => (resolution.is === 'refused' ? resolution.code : null)),
      ended.map(({ resolution }) => (resolution.is === 'fulfilled' ? resolution.enrollmentId : null)),
      batch.batchId,
      batch.at,
    ]),
  )
  const cancelled = ended.filter(({ resolution: { is } }) => is === 'cancelled').map(({ row }) => row.id)
  await traceCancellations(trx, cancelled, { ...batch, reason: UNLINKED })
}

const KEEP_WAITING = `/* enterprise.keepWaiting */
with waiting as (
  update enterprise_pending_enrollments set next_attempt = null, attempts = 0, updated = $2::timestamptz
  where id = any ((select $1::bigint[])::bigint[])
  returning pending_link_id
)
update enterprise_pending_links set taken_by = null where id in (select pending_link_id from waiting)`

// An attempt that has ended has not failed, unless it was refused.
const RESOLVE = `/* enterprise.resolve */
update enterprise_pending_enrollments p
set state = f.state, refusal = f.refusal, enrollment_id = f.enrollment_id,
  carried_out_in = case when f.state = 'fulfilled' then $5::uuid end, next_attempt = null,
  attempts = case when f.state = 'refused' then p.attempts else greatest(p.attempts - 1, 0) end, updated = $6::timestamptz
from unnest((select $1::bigint[]), (select $2::text[]), (select $3::text[]), (select $4::bigint[]))
  as f (id, state, refusal, enrollment_id)
where p.id = f.id`
