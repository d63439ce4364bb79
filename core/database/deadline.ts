import type { Kysely } from 'kysely'
import { EnrollmentError, failure } from '../errors.ts'
import { linkedList, type Linked, type LinkedList } from './linked-list.ts'
import { perPool } from './per-pool.ts'
import type { DB } from './schema.ts'

/** How many calls a pool takes at a time, and how long each may last. */
export interface CallBounds {
  /** Milliseconds. */
  readonly deadlineMs: number
  readonly maxCalls: number
  /** Milliseconds for which a call waits for a lock that somebody holds. */
  readonly lockTimeoutMs: number
}

const DEFAULT_BOUNDS: CallBounds = { deadlineMs: 15_000, maxCalls: 5_000, lockTimeoutMs: 5_000 }

/** Whether somebody still waits for the answer of a call: work that has not begun is not done where nobody does. */
export interface Cancellation {
  readonly isCancelled: boolean
}

/** Gives work up: the part of an `AbortSignal` that is needed here, so that whoever makes many can make something smaller. */
export interface GiveUpSignal {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

interface ActiveCall extends Cancellation, Linked<ActiveCall> {
  isCancelled: boolean
  readonly endsAt: number
  readonly reject: (reason: unknown) => void
}

/** The calls of a pool, in the order in which they began, which is that of their ends: all have the same time. */
interface Calls {
  bounds: CallBounds
  readonly active: LinkedList<ActiveCall>
  timer: NodeJS.Timeout | undefined
  /** Null where there are few calls: how many are answered then says how many are asked for, not how many can be. */
  pace: Pace | null
}

/** How many calls had their answers lately. */
interface Pace {
  /** Since when `answered` is counted. */
  readonly since: number
  answered: number
  /** In the window before; null: it is not known. */
  readonly perMs: number | null
}

const callsOf = perPool((): Calls => ({
  bounds: DEFAULT_BOUNDS,
  active: linkedList(),
  timer: undefined,
  pace: null,
}))

/** Bounds the calls on a pool. */
export function boundCalls(db: Kysely<DB>, bounds: CallBounds): void {
  callsOf(db).bounds = bounds
}

/** The bounds of a pool; those of run §2 where nobody has set others. */
export function boundsOf(db: Kysely<DB>): CallBounds {
  return callsOf(db).bounds
}

/** How the calls on a pool stand. */
export interface CallLoad {
  readonly active: number
  /** Milliseconds for which the oldest one has waited. */
  readonly oldestMs: number
}

export function callLoad(db: Kysely<DB>): CallLoad {
  const { active, bounds } = callsOf(db)
  const oldest = active.first
  return { active: active.size, oldestMs: oldest ? bounds.deadlineMs - (oldest.endsAt - performance.now()) : 0 }
}

/**
 * Runs a call on a pool within its bounds: beyond the number of calls it is refused at once, and at its deadline it is given up
 * (rpc §1). What it waits for then is not done any more; what has reached the database ends by the time-outs of the database.
 *
 * @param signal gives it up earlier.
 * @throws {EnrollmentError} `unavailable`; the reason of the signal.
 */
export function withinBounds<T>(
  db: Kysely<DB>,
  signal: GiveUpSignal | undefined,
  work: (cancellation: Cancellation) => Promise<T>,
): Promise<T> {
  const calls = callsOf(db)
  if (signal?.aborted) return Promise.reject(signal.reason)
  if (isOverloaded(calls)) return Promise.reject(overload(calls))
  return cancellable(signal, work, calls)
}

/**
 * Runs work that may be given up before it is done.
 *
 * @param signal gives it up: the answer is then the reason of the signal, at once.
 */
export function untilAborted<T>(
  signal: GiveUpSignal | undefined,
  work: (cancellation: Cancellation | undefined) => Promise<T>,
): Promise<T> {
  if (signal === undefined) return work(undefined)
  if (signal.aborted) return Promise.reject(signal.reason)
  return cancellable(signal, work, undefined)
}

/** @param calls those that it counts as one of, which gives it a deadline. */
function cancellable<T>(
  signal: GiveUpSignal | undefined,
  work: (cancellation: Cancellation) => Promise<T>,
  calls: Calls | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const call: ActiveCall = {
      isCancelled: false,
      endsAt: calls === undefined ? Infinity : performance.now() + calls.bounds.deadlineMs,
      previous: undefined,
      next: undefined,
      reject,
    }
    if (calls !== undefined) {
      calls.active.add(call)
      schedule(calls)
    }
    const abort = signal && (() => cancel(call, calls, signal.reason))
    signal?.addEventListener('abort', abort as () => void)
    const end = <V>(answer: (value: V) => void, value: V) => {
      if (calls?.active.remove(call) && calls.pace) calls.pace.answered += 1
      signal?.removeEventListener('abort', abort as () => void)
      answer(value)
    }
    void work(call).then(
      (value) => end(resolve, value),
      (reason: unknown) => end(reject, reason),
    )
  })
}

/** What is given up is no call any more: its work may go on, but nobody waits for it. */
function cancel(call: ActiveCall, calls: Calls | undefined, reason: unknown): void {
  call.isCancelled = true
  calls?.active.remove(call)
  call.reject(reason)
}

/** Fewer calls than these are always taken: how fast they are answered says little. */
const FEW_CALLS = 500

/** Milliseconds over which the pace is measured; after several of them without a look nothing is known. */
const PACE_WINDOW_MS = 1_000

/** Whether there are too many calls, or so many that a further one would be answered after its deadline. */
function isOverloaded(calls: Calls): boolean {
  const { active, bounds } = calls
  if (active.size >= bounds.maxCalls) return true
  if (active.size < FEW_CALLS) {
    // Where they come and go around this number, the pace is that of a busy service.
    if (active.size < FEW_CALLS / 2) calls.pace = null
    return false
  }
  const perMs = paceOf(calls)
  return perMs !== null && active.size > perMs * bounds.deadlineMs
}

/** Answers per millisecond; null: it is not known yet. */
function paceOf(calls: Calls): number | null {
  const now = performance.now()
  const { since, answered, perMs } = (calls.pace ??= { since: now, answered: 0, perMs: null })
  const elapsed = now - since
  if (elapsed < PACE_WINDOW_MS) return perMs
  const isRecent = elapsed < 3 * PACE_WINDOW_MS
  calls.pace = { since: now, answered: 0, perMs: isRecent ? answered / elapsed : null }
  return calls.pace.perMs
}

/** What has waited for a while says how long it takes until there is room. */
function overload({ active, bounds }: Calls): EnrollmentError {
  const oldest = active.first
  const waitedMs = oldest === undefined ? 0 : performance.now() - (oldest.endsAt - bounds.deadlineMs)
  const retryAfterMs = Math.ceil(Math.min(Math.max(waitedMs, SHORTEST_RETRY_MS), bounds.deadlineMs))
  return new EnrollmentError(failure('unavailable', { retryAfterMs }))
}

const SHORTEST_RETRY_MS = 100

/** One timer for all: it looks at those that began first. */
function schedule(calls: Calls): void {
  if (calls.timer !== undefined || !Number.isFinite(calls.bounds.deadlineMs)) return
  const oldest = calls.active.first
  if (oldest === undefined) return
  const wait = Math.max(oldest.endsAt - performance.now(), SHORTEST_WAIT_MS)
  calls.timer = setTimeout(() => {
    calls.timer = undefined
    const now = performance.now()
    // What is given up leaves the list.
    for (let call = calls.active.first; call !== undefined && call.endsAt <= now; call = calls.active.first) {
      cancel(call, calls, new EnrollmentError(failure('unavailable', {})))
    }
    schedule(calls)
  }, wait).unref()
}

const SHORTEST_WAIT_MS = 50
