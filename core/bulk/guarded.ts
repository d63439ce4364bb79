import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { BatchItem, Result } from '../enrollment/command.ts'
import { enrollMany } from '../enrollment/enroll.ts'
import { enrollmentOfPair } from '../enrollment/pair-lookup.ts'
import { failure } from '../errors.ts'
import type { Policy } from '../policy.ts'
import type { LineOutcome } from './job.ts'

export interface GuardedOptions {
  readonly policy: Policy
  /** Its events are not told of as later ones. */
  readonly exceptBatch?: string | null
}

/**
 * Carries out planned commands, each only at the version that it was planned on (`expectedVersion`): an enrollment that somebody
 * has changed since is left alone, and its outcome is `changedSince` with their event.
 *
 * @param items null: one that is known to have been changed, with the command that finds it.
 * @returns one outcome an item, in order.
 */
export async function enrollGuarded(
  trx: Transaction<DB>,
  items: readonly (BatchItem & { readonly isChanged?: boolean })[],
  { policy, exceptBatch = null }: GuardedOptions,
): Promise<LineOutcome[]> {
  const attempted = items.filter(({ isChanged }) => isChanged !== true)
  const results = (attempted.length > 0 ? await enrollMany(trx, attempted, policy) : []).values()
  const outcomes = items.map(({ isChanged }) => (isChanged === true ? null : unlessChanged(results.next().value)))
  const changed = items.filter((_, index) => outcomes[index] === null)
  const events = (await readNewestEvents(trx, changed, exceptBatch)).values()
  return outcomes.map((outcome) => outcome ?? changedSince(events.next().value))
}

/** Null: its enrollment has another version than it should. */
function unlessChanged(result: Result | undefined): LineOutcome | null {
  if (result === undefined) throw new RangeError('Each command has one result')
  if (!result.ok) return result.error.code === 'versionConflict' ? null : result
  return { ok: true, outcome: result.outcome }
}

function changedSince(newest: NewestEvent | undefined): LineOutcome {
  const { version, event_id: eventId } = newest ?? { version: null, event_id: null }
  return { ok: false, error: failure('changedSince', { version: version ?? 0, eventId }) }
}

interface NewestEvent {
  /** Of the enrollment, as it is now. */
  readonly version: number | null
  readonly event_id: string | null
}

async function readNewestEvents(
  trx: Transaction<DB>,
  items: readonly BatchItem[],
  exceptBatch: string | null,
): Promise<NewestEvent[]> {
  if (items.length === 0) return []
  const { rows } = await sql<NewestEvent>`
    select e.version, v.id as event_id
    from unnest(${items.map(({ command: { learner } }) => ('userId' in learner ? learner.userId : null))}::integer[],
      ${items.map(({ command: { courseId } }) => courseId)}::text[]) with ordinality as a (user_id, course_key, i)
    left join learners l on l.user_id = a.user_id
    left join courses c on c.course_key = a.course_key
    left join ${sql.raw(enrollmentOfPair('l.id', 'c.id'))} e on true
    left join lateral (
      select o.id from enrollment_events o
      where o.enrollment_id = e.id and (${exceptBatch}::uuid is null or o.batch_id is distinct from ${exceptBatch}::uuid)
      order by o.version desc limit 1
    ) v on true
    order by a.i`.execute(trx)
  return rows
}
