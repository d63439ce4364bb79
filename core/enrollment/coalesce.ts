import type { Kysely } from 'kysely'
import { createBatcher, type Batcher } from '../database/batcher.ts'
import { isDatabaseUnavailable, isLockTimeout, isSerializationFailure } from '../database/failure.ts'
import { LOCK_WAIT_MS, lockPatience, type LockPatience } from '../database/lock-wait.ts'
import { perPool } from '../database/per-pool.ts'
import { LOST_RACE, MAX_ATTEMPTS } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { failure } from '../errors.ts'
import type { Policy } from '../policy.ts'
import {
  attemptBatch,
  attemptWithoutTransaction,
  isSeatsHeld,
  type AttemptResult,
  type NeedsTransaction,
  type SeatsHeld,
} from './batch.ts'
import type { BatchItem, Result } from './command.ts'
import { createHeldPairs, pairKey, type HeldPairs } from './held-pairs.ts'
import { codeOf, enrollmentObservers, type BatcherName } from './observer.ts'

/** The most calls of one batch: large enough to share its cost, small enough to answer soon. */
const BATCH_SIZE = 500

/** Batches of one process that run at the same time: one waits for the database while another is prepared. */
const MAX_CONCURRENT = 2

/** Batches with a transaction of their own: never so many that they take the whole pool. */
const MAX_CONCURRENT_TRANSACTIONS = 4

/** A batch that is being divided waits for locks for this long: most of its calls need none that is held. */
const DIVIDED_LOCK_WAIT_MS = 20

interface Call {
  readonly item: BatchItem
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
  attempts: number
  /** Since when it waits for its next round, by the clock of `performance`. */
  waitsSince: number
  /** Since it was alone with a lock that somebody holds. */
  patience?: LockPatience
}

/** Where the calls of a pool wait. */
interface Batchers {
  /** Where everything goes first. */
  readonly withoutTransaction: Batcher<Call>
  readonly heldPairs: HeldPairs
  /** Lets a call wait with those that need a lock that somebody holds. */
  readonly waitBehind: (call: Call) => void
}

const batchersByPolicy = perPool(() => new WeakMap<Policy, Batchers>())

/**
 * Carries out one command together with others that are asked for at the same time on the same pool. A lone call starts at
 * once; calls that arrive while batches are running form the next one together. Callers take turns, by actor.
 *
 * Calls that need a transaction (seats of a capped course run, allowances, attributes) continue in batches of their own, one
 * at a time for the same seats. A lock that somebody holds delays only those who need it: a batch that does not get its locks
 * within a moment is divided until they are found, and they are tried again, without a connection in between.
 *
 * @param db the pool.
 * @returns the result of this command, after its commit.
 */
export function enrollCoalesced(db: Kysely<DB>, item: BatchItem, policy: Policy): Promise<Result> {
  const batchers = batchersOf(db, policy)
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  const call: Call = { item, resolve, reject, attempts: 0, waitsSince: 0 }
  if (batchers.heldPairs.has(item)) batchers.waitBehind(call)
  else batchers.withoutTransaction.add(call, { turn: turnOf(call) })
  return promise
}

/** Callers take turns. */
function turnOf({ item }: Call): string {
  return item.metadata.actor.name
}

function batchersOf(db: Kysely<DB>, policy: Policy): Batchers {
  const byPolicy = batchersByPolicy(db)
  const batchers = byPolicy.get(policy) ?? createBatchers(db, policy)
  byPolicy.set(policy, batchers)
  return batchers
}

function createBatchers(db: Kysely<DB>, policy: Policy): Batchers {
  const heldPairs = createHeldPairs()
  const observers = enrollmentObservers(db)
  let halves = 0
  const inTransaction: Attempt = (items) => attemptBatch(db, items, policy)
  const within =
    (lockWaitMs: number): Attempt =>
    (items) =>
      attemptWithoutTransaction(db, items, policy, lockWaitMs)

  const withoutTransaction = openBatcher('shared', MAX_CONCURRENT, within(LOCK_WAIT_MS), (calls, error) =>
    divide(calls, error, divided),
  )
  // Halves of batches in which some call needs a lock that somebody holds.
  const divided = openBatcher('divided', MAX_CONCURRENT, within(DIVIDED_LOCK_WAIT_MS), (calls, error) =>
    divide(calls, error, divided),
  )
  // Seats of a capped course run, allowances, attributes.
  const withTransaction = openBatcher('transaction', MAX_CONCURRENT_TRANSACTIONS, inTransaction, (calls, error) => {
    if (isSeatsHeld(error)) waitForSeats(calls, error)
    else divide(calls, error, withTransaction)
  })
  // Calls that need a lock that somebody holds, one by one.
  const held = openBatcher('held', MAX_CONCURRENT, inTransaction, (calls, error) => {
    for (const call of calls) waitForLock(call, error)
  })
  return { withoutTransaction, heldPairs, waitBehind }

  function openBatcher(
    name: BatcherName,
    maxConcurrent: number,
    attempt: Attempt,
    onLockTimeout: OnLockTimeout,
  ): Batcher<Call> {
    const run = (calls: readonly Call[]) => {
      tellRound(name, calls)
      return runCalls(calls, { attempt, deliver, onLockTimeout })
    }
    const batcher = createBatcher<Call>({ batchSize: BATCH_SIZE, maxConcurrent, run })
    return {
      add(call, place) {
        call.waitsSince = performance.now()
        batcher.add(call, place)
      },
    }
  }

  function tellRound(batcher: BatcherName, calls: readonly Call[]): void {
    if (observers.size === 0) return
    const earliest = calls.reduce((since, call) => Math.min(since, call.waitsSince), Infinity)
    const round = { batcher, size: calls.length, waitMs: performance.now() - earliest }
    for (const observer of observers) observer.roundBegins(round)
  }

  function deliver(call: Call, result: AttemptResult | NeedsTransaction): void {
    if (result === LOST_RACE) retry(call)
    else if ('contendsFor' in result) withTransaction.add(call, { turn: turnOf(call), key: result.contendsFor ?? '' })
    else answer(call, result)
  }

  function answer(call: Call, result: Result): void {
    for (const observer of observers) observer.decided(call.item.metadata.via, codeOf(result))
    call.resolve(result)
  }

  function retry(call: Call): void {
    call.attempts += 1
    if (call.attempts >= MAX_ATTEMPTS) answer(call, { ok: false, error: failure('unavailable', {}) })
    else withoutTransaction.add(call, { turn: turnOf(call) })
  }

  function divide(calls: readonly Call[], error: unknown, to: Batcher<Call>): void {
    const [first] = calls
    if (calls.length === 1 && first !== undefined) return waitForLock(first, error)
    const middle = Math.ceil(calls.length / 2)
    for (const half of [calls.slice(0, middle), calls.slice(middle)]) {
      halves += 1
      for (const call of half) to.add(call, { turn: turnOf(call), key: `half ${halves}` })
    }
  }

  function waitForSeats(calls: readonly Call[], error: SeatsHeld): void {
    for (const call of calls)
      pause(call, error, () => withTransaction.add(call, { turn: turnOf(call), key: error.seats }))
  }

  function waitForLock(call: Call, error: unknown): void {
    const release = heldPairs.hold(call.item)
    const waiting: Call = {
      ...call,
      resolve(result) {
        release()
        call.resolve(result)
      },
      reject(reason) {
        release()
        call.reject(reason)
      },
    }
    pause(waiting, error, () => held.add(waiting, { turn: turnOf(call), key: pairKey(call.item) }))
  }

  function waitBehind(call: Call): void {
    call.patience = lockPatience(db)
    held.add(call, { turn: turnOf(call), key: pairKey(call.item) })
  }

  function pause(call: Call, error: unknown, then: () => void): void {
    call.patience ??= lockPatience(db)
    const pauseMs = call.patience.nextPauseMs()
    if (pauseMs === null || isCancelled(call)) call.reject(error)
    else setTimeout(then, pauseMs).unref()
  }
}

function isCancelled({ item }: Call): boolean {
  return item.metadata.cancellation?.isCancelled === true
}

type Attempt = (items: readonly BatchItem[]) => Promise<(AttemptResult | NeedsTransaction)[]>
type OnLockTimeout = (calls: readonly Call[], error: unknown) => void

interface Lane {
  readonly attempt: Attempt
  readonly deliver: (call: Call, result: AttemptResult | NeedsTransaction) => void
  readonly onLockTimeout: OnLockTimeout
}

/** Runs one batch and hands each call its result. What goes wrong for a whole batch is found out call by call. */
async function runCalls(all: readonly Call[], { attempt, deliver, onLockTimeout }: Lane): Promise<void> {
  const calls = all.filter((call) => !isCancelled(call))
  if (calls.length === 0) return
  try {
    const results = await attempt(calls.map((call) => call.item))
    for (const [index, call] of calls.entries()) deliver(call, results[index] ?? LOST_RACE)
  } catch (error) {
    if (isLockTimeout(error)) {
      onLockTimeout(calls, error)
    } else if (isSerializationFailure(error)) {
      for (const call of calls) deliver(call, LOST_RACE)
    } else if (calls.length === 1 || isDatabaseUnavailable(error)) {
      for (const call of calls) call.reject(error)
    } else {
      for (const call of calls) await runCalls([call], { attempt, deliver, onLockTimeout })
    }
  }
}
