import type pg from 'pg'
import { handEnroll } from './baselines.ts'
import { closedLoop } from './load.ts'
import { openPool } from './postgres.ts'
import type { World } from './world.ts'

/** A pool for what is written by hand, of the size that suits it best. */
export interface HandPool extends AsyncDisposable {
  readonly pool: pg.Pool
  readonly size: number
}

/**
 * Opens pools of several sizes and keeps the one with which 64 callers of the hand-written statement are fastest on this
 * machine: a baseline gets the best for itself.
 */
export async function openHandPool({ connectionString, usernames, newCourse }: World): Promise<HandPool> {
  const candidates = SIZES.map((size) => ({ size, pool: openPool(connectionString, size), best: 0 }))
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const candidate of candidates) {
      const courseId = await newCourse()
      const total = 1_000
      const { throughput } = await closedLoop({ callers: 64, total }, (index) =>
        handEnroll(candidate.pool, usernames[index] ?? '', courseId),
      )
      // The first round connects and prepares.
      if (round > 0) candidate.best = Math.max(candidate.best, throughput)
    }
  }
  const [fastest, ...others] = candidates.toSorted((a, b) => b.best - a.best)
  for (const { pool } of others) await pool.end()
  if (fastest === undefined) throw new RangeError('There is a size to try')
  const { pool, size } = fastest
  return { pool, size, [Symbol.asyncDispose]: () => pool.end() }
}

const SIZES = [10, 20, 64]
const ROUNDS = 3
