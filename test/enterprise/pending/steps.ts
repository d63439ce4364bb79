import type { Kysely } from 'kysely'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import { fulfilPending, type PendingStep } from '../../../enterprise/pending/fulfil.ts'
import type { Context } from '../../../routers/index.ts'
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
