import type { Kysely } from 'kysely'
import { createBatcher, type Batcher } from '../database/batcher.ts'
import { LOCK_WAIT_MS, lockPatience } from '../database/lock-wait.ts'
import { perPool } from '../database/per-pool.ts'
import { LOST_RACE, MAX_ATTEMPTS } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { failure } from '../errors.ts'
import type { Policy } from '../policy.ts'
import { attemptAhead, coursesAhead, learnCoursesOfRound, NOT_WRITTEN, tellReadFirst } from './attempt-ahead.ts'
import { attemptBatch, attemptUnderSeatLocks, attemptWithoutTransaction, type NeedsTransaction } from './batch.ts'
import type { BatchItem, Result } from './command.ts'
import type { ReadFacts } from './facts.ts'
import { createHeldPairs, pairKey, type HeldPairs } from './held-pairs.ts'
import type { KnownCourse } from './known-courses.ts'
import { codeOf, enrollmentObservers, type BatcherName } from './observer.ts'
import type { AttemptResult } from './results.ts'
import { isCancelled, runCalls, type Attempt, type Call, type OnLockTimeout } from './run-calls.ts'
import { isSeatsHeld, type SeatsHeld } from './seat-locks.ts'
import { needsTransactionAhead } from './transaction-ahead.ts'

/** The most calls of one batch: large enough to share its cost, small enough to answer soon. */
const BATCH_SIZE = 500

/** Batches of one process that run at the same time: one waits for the database while another is prepared. */
const MAX_CONCURRENT = 2

/** Batches with a transaction of their own: never so many that they take the whole pool. */
const MAX_CONCURRENT_TRANSACTIONS = 4

/** A batch that is being divided waits for locks for this long: most of its calls need none that is held. */
const DIVIDED_LOCK_WAIT_MS = 20

/** In place of a result: what the call is about is known now. */
const LEARNED = 'learned'

/** Where the calls of a pool wait. */
interface Batchers {
  readonly heldPairs: HeldPairs
  /** Lets a call wait for its first round, or for one from its start. */
  readonly begin: (call: Call) => void
  /** Lets a call wait with those that need a lock that somebody holds. */
  readonly waitBehind: (call: Call) => void
}

const batchersByPolicy = perPool(() => new WeakMap<Policy, Batchers>())

/**
 * Carries out one command together with others that are asked for at the same time on the same pool. A lone call starts at
 * once; calls that arrive while batches are running form the next one together. Callers take turns, by actor.
 *
 * Calls that need a transaction (seats of a capped course run, allowances, attributes) have batches of their own, one at a time
 * for the same seats: at once where it is known that they do, otherwise after a look. A lock that somebody holds delays only
 * those who need it: a batch that does not get its locks within a moment is divided until they are found, and they are tried
 * again, without a connection in between.
 *
 * @param db the pool.
 * @returns the result of this command, after its commit.
 */
export function enrollCoalesced(db: Kysely<DB>, item: BatchItem, policy: Policy): Promise<Result> {
  const batchers = batchersOf(db, policy)
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  const call: Call = { item, resolve, reject, attempts: 0, waitsSince: 0 }
  if (batchers.heldPairs.has(item)) batchers.waitBehind(call)
  else batchers.begin(call)
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
  const onLockTimeout: OnLockTimeout = (calls, error) => divide(calls, error, divided)

  const withoutTransaction = openBatcher('shared', MAX_CONCURRENT, runShared)
  // Halves of batches in which some call needs a lock that somebody holds.
  const divided = openBatcher('divided', MAX_CONCURRENT, (calls) => {
    const attempt: Attempt = (items) =>
      attemptWithoutTransaction(db, items, policy, { lockWaitMs: DIVIDED_LOCK_WAIT_MS })
    return runCalls(calls, { attempt, deliver, onLockTimeout })
  })
  // Seats of a capped course run, allowances, attributes.
  const withTransaction = openBatcher('transaction', MAX_CONCURRENT_TRANSACTIONS, (calls) =>
    runCalls(calls, {
      attempt: forSeatsOf(calls) ?? inTransaction,
      deliver,
      onLockTimeout(several, error) {
        if (isSeatsHeld(error)) waitForSeats(several, error)
        else divide(several, error, withTransaction)
      },
    }),
  )
  // Calls that need a lock that somebody holds, one by one.
  const held = openBatcher('held', MAX_CONCURRENT, (calls) =>
    runCalls(calls, {
      attempt: inTransaction,
      deliver,
      onLockTimeout(several, error) {
        for (const call of several) waitForLock(call, error)
      },
    }),
  )
  return { heldPairs, begin, waitBehind }

  function begin(call: Call): void {
    const needs = needsTransactionAhead(db, call.item, policy)
    if (needs === null) withoutTransaction.add(call, { turn: turnOf(call) })
    else addToTransaction(call, needs.contendsFor)
  }

  function addToTransaction(call: Call, contendsFor: string | null): void {
    call.contendsFor = contendsFor
    withTransaction.add(call, { turn: turnOf(call), key: contendsFor ?? '' })
  }

  /** Calls of one round contend for the same seats, or for none. */
  function forSeatsOf([call]: readonly Call[]): Attempt | null {
    const courseKey = call?.contendsFor ?? null
    return courseKey === null ? null : (items) => attemptUnderSeatLocks(db, items, policy, [courseKey])
  }

  /** No pair is in two parts, because no course run is. */
  async function runShared(calls: readonly Call[]): Promise<void> {
    const { ahead, others, courses } = partsOf(calls)
    await Promise.all([runAhead(ahead, courses), runUnknown(others)])
  }

  /** Where a look at few of them makes it known what all are about, most are written ahead as well. */
  async function runUnknown(calls: readonly Call[]): Promise<void> {
    const learned: Call[] = []
    await runCalls<AttemptResult | NeedsTransaction | typeof LEARNED>(calls, {
      async attempt(items) {
        if (await learnCoursesOfRound(db, items)) return items.map(() => LEARNED)
        return attemptReadFirst(items)
      },
      deliver(call, result) {
        if (result === LEARNED) learned.push(call)
        else deliver(call, result)
      },
      onLockTimeout,
    })
    const { ahead, others, courses } = partsOf(learned)
    await Promise.all([runAhead(ahead, courses), runOnFacts(others)])
  }

  async function attemptReadFirst(items: readonly BatchItem[]) {
    const results = await attemptWithoutTransaction(db, items, policy, { lockWaitMs: LOCK_WAIT_MS })
    tellReadFirst(db, results)
    return results
  }

  function partsOf(calls: readonly Call[]) {
    const items = calls.map(({ item }) => item)
    const courses = coursesAhead(db, items, policy)
    const { ahead = [], others = [] } = Object.groupBy(calls, ({ item }) => (courses.has(item) ? 'ahead' : 'others'))
    return { ahead, others, courses }
  }

  /** What is written ahead is answered by itself: whatever becomes of the rest, it is kept. */
  async function runAhead(calls: readonly Call[], courses: ReadonlyMap<BatchItem, KnownCourse>): Promise<void> {
    const found = new Map<BatchItem, ReadFacts>()
    const left: Call[] = []
    await runCalls(calls, {
      attempt: (items) => attemptAhead(db, items, policy, courses, found),
      deliver(call, result) {
        if (result === NOT_WRITTEN) left.push(call)
        else deliver(call, result)
      },
      onLockTimeout,
    })
    await runOnFacts(left, found)
  }

  /** @param found facts that were found out a moment ago: they are good for one attempt. */
  async function runOnFacts(calls: readonly Call[], found?: Map<BatchItem, ReadFacts>): Promise<void> {
    await runCalls(calls, {
      async attempt(items) {
        if (found === undefined) return attemptReadFirst(items)
        const known = new Map(found)
        found.clear()
        return attemptWithoutTransaction(db, items, policy, { lockWaitMs: LOCK_WAIT_MS, known })
      },
      deliver,
      onLockTimeout,
    })
  }

  function openBatcher(
    name: BatcherName,
    maxConcurrent: number,
    runRound: (calls: readonly Call[]) => Promise<void>,
  ): Batcher<Call> {
    const run = (calls: readonly Call[]) => {
      tellRound(name, calls)
      return runRound(calls)
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
    else if ('contendsFor' in result) addToTransaction(call, result.contendsFor)
    else answer(call, result)
  }

  function answer(call: Call, result: Result): void {
    for (const observer of observers) observer.decided(call.item.metadata.via, codeOf(result))
    call.resolve(result)
  }

  function retry(call: Call): void {
    call.attempts += 1
    if (call.attempts >= MAX_ATTEMPTS) answer(call, { ok: false, error: failure('unavailable', {}) })
    else begin(call)
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
    for (const call of calls) pause(call, error, () => addToTransaction(call, error.courseKey))
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
