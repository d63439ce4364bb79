import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { EnrollmentError, failure } from '../errors.ts'
import type { Cancellation } from './deadline.ts'
import { isLockTimeout, isSerializationFailure } from './failure.ts'
import { lockPatience, retryForLock } from './lock-wait.ts'
import type { DB } from './schema.ts'

/** How often work that lost a race is begun, at most, before the call gives up with `unavailable`. */
export const MAX_ATTEMPTS = 8

/** What an attempt answers when another transaction was faster: everything has to be read and decided again. */
export const LOST_RACE = 'lostRace'
export type LostRace = typeof LOST_RACE

/**
 * Attempts work until it does not lose a race. An attempt has lost where it says so, and where the database ended its
 * transaction to resolve a conflict with another one (a deadlock, a serialization failure). The latter in a caller's
 * transaction is the caller's to repeat: its snapshot stays too old, and the locks that the other transaction waits for may be
 * its own. The error is thrown then.
 *
 * Where somebody holds a lock that an attempt needs, it is begun again after a pause, without a connection, as long as calls on
 * the pool may wait for locks.
 *
 * @param attempt gets its number, from 0; it leaves nothing behind when it throws.
 * @param cancellation says when nobody waits for it any more: nothing is attempted then.
 * @returns {@link LOST_RACE} when every attempt lost, with what the last one threw.
 */
export async function attemptRepeatedly<T>(
  db: Kysely<DB>,
  attempt: (number: number) => Promise<T | LostRace>,
  cancellation?: Cancellation,
): Promise<{ readonly value: T | LostRace; readonly cause?: unknown }> {
  const patience = lockPatience(db)
  let cause: unknown
  let isHeld = false
  let lost = 0
  for (let number = 0; lost < MAX_ATTEMPTS && cancellation?.isCancelled !== true; number += 1) {
    try {
      const value = await (isHeld ? retryForLock(db, () => attempt(number)) : attempt(number))
      if (value !== LOST_RACE) return { value }
      lost += 1
    } catch (error) {
      cause = error
      if (db.isTransaction) throw error
      if (isLockTimeout(error)) {
        isHeld = true
        const pauseMs = patience.nextPauseMs()
        if (pauseMs === null) break
        await sleep(pauseMs)
      } else if (isSerializationFailure(error)) lost += 1
      else throw error
    }
  }
  return { value: LOST_RACE, cause }
}

/**
 * The same for work that is all or nothing, e.g. one that begins and ends a transaction.
 *
 * @throws what the work threw; {@link EnrollmentError} `unavailable` where every attempt lost.
 */
export async function retryOnSerializationFailure<T>(
  db: Kysely<DB>,
  attempt: (number: number) => Promise<T | LostRace>,
  cancellation?: Cancellation,
): Promise<T> {
  const { value, cause } = await attemptRepeatedly(db, attempt, cancellation)
  if (value === LOST_RACE) throw new EnrollmentError(failure('unavailable', {}), { cause })
  return value
}
