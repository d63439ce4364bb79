import { isDatabaseUnavailable, isLockTimeout, isSerializationFailure } from '../database/failure.ts'
import type { LockPatience } from '../database/lock-wait.ts'
import { LOST_RACE, type LostRace } from '../database/retry.ts'
import type { NeedsTransaction } from './batch.ts'
import type { BatchItem, Result } from './command.ts'
import type { AttemptResult } from './results.ts'

/** A single call that shares its batch with others. */
export interface Call {
  readonly item: BatchItem
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
  attempts: number
  /** Since when it waits for its next round, by the clock of `performance`. */
  waitsSince: number
  /** The key of the course run for whose seats it contends, once it is known to need a transaction; null: for none. */
  contendsFor?: string | null
  /** Since it was alone with a lock that somebody holds. */
  patience?: LockPatience
}

export function isCancelled({ item }: Call): boolean {
  return item.metadata.cancellation?.isCancelled === true
}

/** @typeParam R what becomes of an item. */
export type Attempt<R = AttemptResult | NeedsTransaction> = (items: readonly BatchItem[]) => Promise<R[]>
export type OnLockTimeout = (calls: readonly Call[], error: unknown) => void

interface RunOptions<R> {
  readonly attempt: Attempt<R | LostRace>
  readonly deliver: (call: Call, result: R | LostRace) => void
  readonly onLockTimeout: OnLockTimeout
}

/** Runs one batch and hands each call its result. What goes wrong for a whole batch is found out call by call. */
export async function runCalls<R>(
  all: readonly Call[],
  { attempt, deliver, onLockTimeout }: RunOptions<R>,
): Promise<void> {
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
