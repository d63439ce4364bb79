import type { Kysely, QueryExecutor } from 'kysely'
import { ownPoolOf } from './own-pools.ts'
import { perObject } from './per-pool.ts'
import type { DB } from './schema.ts'
import { whenEnded, type JoinedTransaction } from './statement.ts'

/** What follows a commit; each piece is done once, however often it was asked for. */
export type FollowingWork = (pool: Kysely<DB>) => void

interface Following {
  /** In a transaction of our own, whose commit is heard of. */
  work?: Set<FollowingWork>
  /** In one of somebody else. */
  joined?: JoinedTransaction
}

/** By the executor of a transaction. */
const followingOf = perObject((_executor: QueryExecutor): Following => ({}))

/**
 * Notes that a transaction is one of our own.
 *
 * @returns does what was to follow; to be called after the commit.
 */
export function expectCommit(transaction: QueryExecutor): FollowingWork {
  const work = new Set<FollowingWork>()
  followingOf(transaction).work = work
  return (pool) => {
    for (const each of work) each(pool)
  }
}

/** Notes that a handle is on a transaction that was there before: one of our own, or one of somebody else. */
export function shareCommit(transaction: QueryExecutor, handle: QueryExecutor, joined: JoinedTransaction): void {
  Object.assign(followingOf(handle), { joined, ...followingOf(transaction) })
}

/**
 * Does something after the commit of a transaction; where that is somebody else's, also after a rollback.
 *
 * @returns false: it is on a pool of somebody else, and nobody hears of its end.
 */
export function afterCommit(db: Kysely<DB>, work: FollowingWork): boolean {
  const executor = db.getExecutor()
  const { work: following, joined } = followingOf(executor)
  following?.add(work)
  if (following !== undefined) return true
  const pool = ownPoolOf(executor)
  if (pool === undefined || joined?.id === undefined) return false
  whenEnded(joined.id, work, () => work(pool))
  return true
}

/** Whether a handle is on a transaction whose end nobody hears of. */
export function isUnheard(db: Kysely<DB>): boolean {
  if (!db.isTransaction || followingOf(db.getExecutor()).work !== undefined) return false
  return ownPoolOf(db.getExecutor()) === undefined
}
