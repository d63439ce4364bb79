import { sql, type CompiledQuery, type Kysely, type Transaction } from 'kysely'
import { expectCommit } from './after-commit.ts'
import { waitBriefly } from './lock-wait.ts'
import { briefPoolOf } from './own-pools.ts'
import type { DB } from './schema.ts'
import { sendAndCommit, sendTogether, sendWithNext, type Results } from './send-together.ts'

/** The transaction that `db` is; null: it is a pool. The one place where a handle is taken for a transaction. */
export function joinedTransaction<Tables extends DB>(db: Kysely<Tables>): Transaction<Tables> | null {
  return db.isTransaction ? (db as Transaction<Tables>) : null // Kysely says so of its transactions alone.
}

/** How work in a transaction may end. */
export interface TransactionEnd {
  /** Whether the transaction is the work's own. */
  readonly isOwn: boolean
  /**
   * Sends the last statements of the work. In a transaction of its own they travel together with the commit, which has happened when
   * this answers; nothing may be sent after them.
   */
  readonly sendLast: <const Q extends readonly CompiledQuery[]>(queries: Q) => Promise<Results<Q>>
}

/** Runs `work` in the caller's transaction where `db` is one, otherwise in a transaction of its own. */
export function inTransaction<T, Tables extends DB = DB>(
  db: Kysely<Tables>,
  work: (trx: Transaction<Tables>, end: TransactionEnd) => Promise<T>,
): Promise<T> {
  const joined = joinedTransaction(db)
  if (joined === null) return ownTransaction(db, work)
  return work(joined, { isOwn: false, sendLast: (queries) => sendTogether(joined, queries) })
}

/** A transaction of our own on a pool: its statements wait for locks only for a moment, see `lock-wait.ts`. */
async function ownTransaction<T, Tables extends DB>(
  pool: Kysely<Tables>,
  work: (trx: Transaction<Tables>, end: TransactionEnd) => Promise<T>,
): Promise<T> {
  // The same pool, and so the same tables.
  const brief = briefPoolOf(pool.getExecutor()) as unknown as Kysely<Tables> | undefined
  let committed: ReturnType<typeof expectCommit> | undefined
  const value = await (brief ?? pool).transaction().execute(async (trx) => {
    if (brief === undefined) await waitBriefly(trx)
    committed = expectCommit(trx.getExecutor())
    return work(trx, { isOwn: true, sendLast: (queries) => sendAndCommit(trx, queries) })
  })
  committed?.(pool as unknown as Kysely<DB>) // Further tables make no difference to what follows.
  return value
}

/** The result of work under a savepoint, and whether its writes stay. */
export interface SavepointResult<T> {
  readonly keep: boolean
  readonly value: T
  /** The last statements of work that stays: in a transaction of its own they travel together with the commit. */
  readonly last?: readonly CompiledQuery[]
}

/**
 * Runs `work` so that it can be taken back: under a savepoint of the caller's transaction, or in a transaction of its
 * own. What the caller wrote before stays as it was in every case.
 *
 * @param work says with `keep` whether its writes stay; a throw takes them back too.
 */
export async function withSavepoint<T, Tables extends DB = DB>(
  db: Kysely<Tables>,
  work: (trx: Transaction<Tables>) => Promise<SavepointResult<T>>,
): Promise<T> {
  const joined = joinedTransaction(db)
  return joined === null ? inOwnTransaction(db, work) : underSavepoint(joined, work)
}

async function underSavepoint<T, Tables extends DB>(
  trx: Transaction<Tables>,
  work: (trx: Transaction<Tables>) => Promise<SavepointResult<T>>,
): Promise<T> {
  await sendWithNext(trx, 'savepoint enrollment_batch')
  try {
    const { keep, value, last = [] } = await work(trx)
    if (keep) await sendTogether(trx, last)
    else await sql`rollback to savepoint enrollment_batch`.execute(trx)
    await sendWithNext(trx, RELEASE)
    return value
  } catch (error) {
    await sql`rollback to savepoint enrollment_batch`.execute(trx)
    await sendWithNext(trx, RELEASE)
    throw error
  }
}

const RELEASE = 'release savepoint enrollment_batch'

async function inOwnTransaction<T, Tables extends DB>(
  db: Kysely<Tables>,
  work: (trx: Transaction<Tables>) => Promise<SavepointResult<T>>,
): Promise<T> {
  const undone = new Undone()
  try {
    return await ownTransaction(db, async (trx, { sendLast }) => {
      const { keep, value, last = [] } = await work(trx)
      if (keep && last.length > 0) await sendLast(last)
      if (keep) return value
      undone.value = value
      throw undone
    })
  } catch (error) {
    if (error === undone) return undone.value as T // Set before it was thrown.
    throw error
  }
}

/** Makes Kysely roll back; never leaves this file. */
class Undone extends Error {
  value: unknown
}
