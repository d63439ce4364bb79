import type { Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'
import { STRETCH, sweepRequests, takeRequest, type Rate } from './request-log.ts'

export interface Throttle {
  /**
   * Counts a request, or refuses it.
   *
   * @param key of the client.
   * @returns null where it may go on, otherwise the whole seconds after which the same request will find room.
   */
  take(key: string, rate: Rate): Promise<number | null>
}

/** Milliseconds of a clock that only ever goes forward. */
export type MonotonicClock = () => number

/**
 * A sliding log of requests (rest-v1 §2.4): in each window of time exactly so many requests of a key are allowed,
 * whatever the number of processes. Its memory is a table, see `request-log.ts`.
 *
 * A client that was refused is refused again without a query until its window can have room: nobody loads the database by
 * running against the limit.
 *
 * The table stays as small as the number of keys in use: each {@link SWEEP_EVERY} requests, which add that many rows at
 * most, sweep ten times as many.
 */
export function createThrottle(db: Kysely<DB>, clock: MonotonicClock = () => performance.now()): Throttle {
  const refusals = new Map<string, Refusal>()
  const sweepNow = sweeper(db)

  return {
    async take(key, rate) {
      const before = clock()
      const known = refusals.get(key)
      if (known !== undefined && before < known.until) return wholeSeconds(known.retryAt - before)
      refusals.delete(key)
      const { isAllowed, waitMs } = await takeRequest(db, key, rate)
      sweepNow()
      if (isAllowed) return null
      remember(refusals, key, { until: before + waitMs, retryAt: clock() + waitMs })
      return wholeSeconds(waitMs)
    },
  }
}

/** How long a key is refused for certain. The database decided between the question and its answer. */
interface Refusal {
  /** Counted from the question: before this no room can have come. */
  readonly until: number
  /** Counted from the answer: at this room has come. */
  readonly retryAt: number
}

const MAX_REFUSALS = 10_000

/** Forgets the oldest when there are too many: the database refuses it again. */
function remember(refusals: Map<string, Refusal>, key: string, refusal: Refusal): void {
  refusals.set(key, refusal)
  const [first] = refusals.keys()
  if (refusals.size > MAX_REFUSALS && first !== undefined) refusals.delete(first)
}

function wholeSeconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1_000))
}

/** After so many requests one stretch of the table is swept. */
export const SWEEP_EVERY = STRETCH / 10

/** A function to call after each request: it sweeps beside the requests, one stretch at a time. */
function sweeper(db: Kysely<DB>): () => void {
  let requests = 0
  let after = ''
  let isSweeping = false

  const sweep = async () => {
    isSweeping = true
    try {
      after = await sweepRequests(db, after)
    } catch {
      // What is left now goes later; the requests themselves report a database that is away.
    } finally {
      isSweeping = false
    }
  }
  return () => {
    requests += 1
    if (requests < SWEEP_EVERY || isSweeping) return
    requests = 0
    void sweep()
  }
}
