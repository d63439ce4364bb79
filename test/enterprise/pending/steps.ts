import { sql, type Kysely } from 'kysely'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import { fulfilPending, type PendingStep } from '../../../enterprise/pending/fulfil.ts'
import type { Context } from '../../../routers/index.ts'
import { eventually } from '../../support/eventually.ts'
import { contextOf, NOW } from '../calls.ts'

/** A moment after the day on which everything happens. */
export function later(seconds: number): Date {
  return new Date(NOW.getTime() + seconds * 1000)
}

/** One step of what waits, at `NOW` unless said otherwise. */
export function step(db: Kysely<EnterpriseDB>, overrides: Partial<Context> = {}, limit = 500): Promise<PendingStep> {
  return fulfilPending(contextOf(db, { actor: { kind: 'system', name: 'enterprise' }, ...overrides }), { limit })
}

/** Steps until nothing is left to do; how many rows came to each end. */
export async function fulfil(db: Kysely<EnterpriseDB>, overrides: Partial<Context> = {}) {
  const sums: Record<string, number> = {}
  for (;;) {
    const { arrivals, taken, counts } = await step(db, overrides)
    for (const [end, count] of Object.entries(counts)) if (count > 0) sums[end] = (sums[end] ?? 0) + count
    if (arrivals === 0 && taken === 0) return sums
  }
}

/**
 * Starts a step that waits for a lock which somebody else holds. It waits for a moment only, which a machine that does much else
 * may let pass unseen: then the next one is started, once the claim of the one before has ended.
 *
 * @param number is how many were started before.
 * @returns all that were started, the waiting one last.
 */
export async function startWaitingStep(
  db: Kysely<EnterpriseDB>,
  number = 0,
): Promise<{ steps: Promise<PendingStep>[] }> {
  const started = step(db, { now: () => later(number * 10_000) })
  let hasEnded = false
  const end = () => void (hasEnded = true)
  started.then(end, end)
  const isWaiting = await eventually(async () => {
    const { rows } = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
    if (rows.length === 0 && !hasEnded) throw new Error('It neither waits nor has ended')
    return rows.length > 0
  })
  if (isWaiting) return { steps: [started] }
  const { steps } = await startWaitingStep(db, number + 1)
  return { steps: [started, ...steps] }
}
