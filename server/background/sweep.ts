import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { sweepIdempotencyKeys } from '../../core/idempotency/sweep.ts'
import type { WorkerStep } from './loop.ts'

/** Deletes expired idempotency keys: soon, but not while others wait for the start; then often enough that few gather. */
export function idempotencyKeySweep(db: Kysely<DB>): WorkerStep {
  return {
    name: 'sweeping idempotency keys',
    delayMs: 1_000,
    intervalMs: 10 * 60 * 1_000,
    async run(signal) {
      await sweepIdempotencyKeys(db, new Date(), signal)
      return false
    },
  }
}
