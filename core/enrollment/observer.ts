import type { Kysely } from 'kysely'
import { afterCommit } from '../database/after-commit.ts'
import { ownPoolOf } from '../database/own-pools.ts'
import { perPool } from '../database/per-pool.ts'
import type { DB } from '../database/schema.ts'
import type { ErrorCode } from '../errors.ts'
import type { BatchItem, OutcomeKind, Result, Via } from './command.ts'

/**
 * Who is told what becomes of the commands of a pool, e.g. to count it. That is in the middle of the work: it is quick, and never
 * throws.
 */
export interface EnrollmentObserver {
  /**
   * A command was decided and, unless it was refused, written. What was done in a transaction of somebody else is told too when
   * it is rolled back.
   */
  decided(via: Via, code: OutcomeKind | ErrorCode): void
  /** A round of single calls begins. */
  roundBegins(round: Round): void
}

/** Single calls that leave together, see `enrollCoalesced`. */
export interface Round {
  readonly batcher: BatcherName
  readonly size: number
  /** Milliseconds for which the call that has waited longest has waited for this round. */
  readonly waitMs: number
}

/**
 * Where single calls wait: `shared` is where all go first, `divided` where a lock that somebody holds is looked for, `held` where it
 * is waited for, and `transaction` is for those that need one of their own.
 */
export type BatcherName = 'shared' | 'divided' | 'held' | 'transaction'

const observersOf = perPool(() => new Set<EnrollmentObserver>())

/**
 * Has somebody told of everything that happens on a pool from now on, until the answer is disposed of.
 *
 * @param db a pool of `openDatabase`.
 */
export function observeEnrollments(db: Kysely<DB>, observer: EnrollmentObserver): Disposable {
  const observers = observersOf(db)
  observers.add(observer)
  return { [Symbol.dispose]: () => void observers.delete(observer) }
}

/** The observers of a pool, those that come later too. */
export function enrollmentObservers(db: Kysely<DB>): ReadonlySet<EnrollmentObserver> {
  const pool = ownPoolOf(db.getExecutor())
  return pool === undefined ? NOBODY : observersOf(pool)
}

const NOBODY: ReadonlySet<EnrollmentObserver> = new Set()

/**
 * Tells the observers of a pool what became of the commands of a batch; in a transaction after its commit, where somebody hears of
 * that.
 */
export function tellDecided(db: Kysely<DB>, items: readonly BatchItem[], results: readonly Result[]): void {
  const observers = enrollmentObservers(db)
  if (observers.size === 0) return
  const tell = () => {
    for (const observer of observers) {
      for (const [index, result] of results.entries()) {
        const item = items[index]
        if (item !== undefined) observer.decided(item.metadata.via, codeOf(result))
      }
    }
  }
  if (!db.isTransaction || !afterCommit(db, tell)) tell()
}

/** What a result is called: the kind of its outcome, or the code of its error. */
export function codeOf(result: Result): OutcomeKind | ErrorCode {
  return result.ok ? result.outcome.kind : result.error.code
}
