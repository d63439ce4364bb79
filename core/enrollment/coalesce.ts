import type { Kysely } from 'kysely'
import { createBatcher, type Batcher } from '../database/batcher.ts'
import { isDatabaseUnavailable, isSerializationFailure } from '../database/failure.ts'
import { perPool } from '../database/per-pool.ts'
import { LOST_RACE, MAX_ATTEMPTS } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { failure } from '../errors.ts'
import type { Policy } from '../policy.ts'
import { attemptBatch, attemptWithoutTransaction, type AttemptResult, type NeedsTransaction } from './batch.ts'
import type { BatchItem, Result } from './command.ts'

/** The most calls of one batch: large enough to share its cost, small enough to answer soon. */
const BATCH_SIZE = 500

/** Batches of one process that run at the same time: one waits for the database while another is prepared. */
const MAX_CONCURRENT = 2

/** Batches with a transaction of their own, which may wait for a lock: never so many that they take the whole pool. */
const MAX_CONCURRENT_TRANSACTIONS = 4

interface Call {
  readonly item: BatchItem
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
  attempts: number
}

interface Batchers {
  readonly withoutTransaction: Batcher<Call>
  readonly withTransaction: Batcher<Call>
}

const batchersByPolicy = perPool(() => new WeakMap<Policy, Batchers>())

/**
 * Carries out one command together with others that are asked for at the same time on the same pool. A lone call starts at
 * once; calls that arrive while batches are running form the next one together. Callers take turns, by actor.
 *
 * Calls that need a transaction (seats of a capped course run, allowances, attributes) continue in batches of their own, one
 * at a time for the same seats, so that a lock that somebody holds delays only those who need it.
 *
 * @param db the pool.
 * @returns the result of this command, after its commit.
 */
export function enrollCoalesced(db: Kysely<DB>, item: BatchItem, policy: Policy): Promise<Result> {
  const { withoutTransaction } = batchersOf(db, policy)
  return new Promise((resolve, reject) => {
    withoutTransaction.add({ item, resolve, reject, attempts: 0 }, { turn: item.metadata.actor.name })
  })
}

function batchersOf(db: Kysely<DB>, policy: Policy): Batchers {
  const byPolicy = batchersByPolicy(db)
  const batchers = byPolicy.get(policy) ?? createBatchers(db, policy)
  byPolicy.set(policy, batchers)
  return batchers
}

function createBatchers(db: Kysely<DB>, policy: Policy): Batchers {
  const withTransaction = createBatcher<Call>({
    batchSize: BATCH_SIZE,
    maxConcurrent: MAX_CONCURRENT_TRANSACTIONS,
    run: (calls) => runCalls(calls, (items) => attemptBatch(db, items, policy), deliver),
  })
  const withoutTransaction = createBatcher<Call>({
    batchSize: BATCH_SIZE,
    maxConcurrent: MAX_CONCURRENT,
    run: (calls) => runCalls(calls, (items) => attemptWithoutTransaction(db, items, policy), deliver),
  })
  return { withoutTransaction, withTransaction }

  function deliver(call: Call, result: AttemptResult | NeedsTransaction): void {
    const turn = call.item.metadata.actor.name
    if (result === LOST_RACE) retry(call)
    else if ('contendsFor' in result) withTransaction.add(call, { turn, key: result.contendsFor ?? '' })
    else call.resolve(result)
  }

  function retry(call: Call): void {
    call.attempts += 1
    if (call.attempts >= MAX_ATTEMPTS) call.resolve({ ok: false, error: failure('unavailable', {}) })
    else withoutTransaction.add(call, { turn: call.item.metadata.actor.name })
  }
}

/** Runs one batch and hands each call its result. What goes wrong for a whole batch is found out call by call. */
async function runCalls(
  calls: readonly Call[],
  run: (items: readonly BatchItem[]) => Promise<(AttemptResult | NeedsTransaction)[]>,
  deliver: (call: Call, result: AttemptResult | NeedsTransaction) => void,
): Promise<void> {
  try {
    const results = await run(calls.map((call) => call.item))
    for (const [index, call] of calls.entries()) deliver(call, results[index] ?? LOST_RACE)
  } catch (error) {
    if (isSerializationFailure(error)) {
      for (const call of calls) deliver(call, LOST_RACE)
    } else if (calls.length === 1 || isDatabaseUnavailable(error)) {
      for (const call of calls) call.reject(error)
    } else {
      for (const call of calls) await runCalls([call], run, deliver)
    }
  }
}
