import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { Person } from '../bulk/resolve-learners.ts'
import type { RowOutcome } from '../bulk/answer.ts'
import type { RefusalCode } from '../bulk/refusal.ts'
import type { DueRow } from './due-rows.ts'

/**
 * What becomes of a row that was due.
 * - `fulfilled`: the learner is enrolled as it asks.
 * - `refused`: for good, unless somebody sends the row again.
 * - `cancelled`: the customer has unlinked the address in the meantime.
 * - `withoutAccount`: nobody has the address now; it waits on.
 * - `postponed`: others or the database were in the way; it is due again when its claim ends.
 */
export type Fate =
  | { readonly is: 'fulfilled'; readonly enrollmentId: string | null }
  | { readonly is: 'refused'; readonly code: RefusalCode }
  | { readonly is: 'cancelled' | 'withoutAccount' | 'postponed' }

/**
 * The fate of a row that is not tried; null: it is.
 *
 * @param person whom the address means; undefined: the row was sent anew in the meantime.
 */
export function fateBeforehand({ isLinked, isPermanentlyUnlinked }: DueRow, person: Person | undefined): Fate | null {
  if (person === undefined) return { is: 'postponed' }
  if (person.is !== 'account') return { is: 'withoutAccount' }
  if (isPermanentlyUnlinked) return { is: 'refused', code: 'linkForbidden' }
  return isLinked ? null : { is: 'cancelled' }
}

/**
 * The fate of a row after an attempt. What the course run or the customer has against it is final, also what time might
 * change (a window that is yet to open, a seat that gets free): whoever asked sees the code, and decides.
 */
export function fateOf(outcome: RowOutcome | undefined): Fate {
  if (outcome === undefined) throw new RangeError('Each row that is tried has an outcome')
  if (outcome.ok) return { is: 'fulfilled', enrollmentId: outcome.enrollmentId }
  return outcome.retryable ? { is: 'postponed' } : { is: 'refused', code: outcome.code }
}

/** Keeps the fates of rows whose links are locked. */
export async function settle(
  trx: Transaction<EnterpriseDB>,
  fates: readonly { readonly row: DueRow; readonly fate: Fate }[],
  { batchId, at }: { readonly batchId: string; readonly at: string },
): Promise<void> {
  const waiting = fates.filter(({ fate: { is } }) => is === 'withoutAccount').map(({ row }) => row.id)
  const ended = fates.filter(({ fate: { is } }) => is !== 'withoutAccount' && is !== 'postponed')
  if (waiting.length > 0) await trx.executeQuery(CompiledQuery.raw(WAIT_ON, [waiting, at]))
  if (ended.length === 0) return
  await trx.executeQuery(
    CompiledQuery.raw(END, [
      ended.map(({ row }) => row.id),
      ended.map(({ fate }) => fate.is),
      ended.map(({ fate }) => (fate.is === 'refused' ? fate.code : null)),
      ended.map(({ fate }) => (fate.is === 'fulfilled' ? fate.enrollmentId : null)),
      batchId,
      at,
    ]),
  )
}

const WAIT_ON = `/* enterprise.waitOn */
with waiting as (
  update enterprise_pending_enrollments set next_attempt = null, attempts = 0, updated = $2::timestamptz
  where id = any ((select $1::bigint[])::bigint[])
  returning pending_link_id
)
update enterprise_pending_links set taken_by = null where id in (select pending_link_id from waiting)`

// An attempt that came to its end did not fail, but where it was refused.
const END = `/* enterprise.settle */
update enterprise_pending_enrollments p
set state = f.state, refusal = f.refusal, enrollment_id = f.enrollment_id,
  carried_out_in = case when f.state = 'fulfilled' then $5::uuid end, next_attempt = null,
  attempts = case when f.state = 'refused' then p.attempts else greatest(p.attempts - 1, 0) end, updated = $6::timestamptz
from unnest((select $1::bigint[]), (select $2::text[]), (select $3::text[]), (select $4::bigint[]))
  as f (id, state, refusal, enrollment_id)
where p.id = f.id`
