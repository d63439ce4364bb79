import { sql, type Kysely, type Transaction } from 'kysely'
import { expectCommit } from './after-commit.ts'
import { waitBriefly } from './lock-wait.ts'
import { briefPoolOf } from './own-pools.ts'
import type { DB } from './schema.ts'

/** The transaction that `db` is; null: it is a pool. The one place where a handle is taken for a transaction. */
export function joinedTransaction<Tables extends DB>(db: Kysely<Tables>): Transaction<Tables> | null {
  return db.isTransaction ? (db as Transaction<Tables>) : null // Kysely says so of its transactions alone.
}

/** Runs `work` in the caller's transaction where `db` is one, otherwise in a transaction of its own. */
export function inTransaction<T, Tables extends DB = DB>(
  db: Kysely<Tables>,
  work: (trx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  const joined = joinedTransaction(db)
  return joined === null ? ownTransaction(db, work) : work(joined)
}

/** A transaction of our own on a pool: its statements wait for locks only for a moment, see `lock-wait.ts`. */
async function ownTransaction<T, Tables extends DB>(
  pool: Kysely<Tables>,
  work: (trx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  // The same pool, and so the same tables.
  const brief = briefPoolOf(pool.getExecutor()) as unknown as Kysely<Tables> | undefined
  let committed: ReturnType<typeof expectCommit> | undefined
  const value = await (brief ?? pool).transaction().execute(async (trx) => {
    if (brief === undefined) await waitBriefly(trx)
    committed = expectCommit(trx.getExecutor())
    return work(trx)
  })
  committed?.(pool as unknown as Kysely<DB>) // Further tables make no difference to what follows.
  return value
}

/** The result of work under a savepoint, and whether its writes stay. */
export interface SavepointResult<T> {
  readonly keep: boolean
  readonly value: T
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
  await sql`savepoint enrollment_batch`.execute(trx)
  try {
    const { keep, value } = await work(trx)
    if (!keep) await sql`rollback to savepoint enrollment_batch`.execute(trx)
    await sql`release savepoint enrollment_batch`.execute(trx)
    return value
  } catch (error) {
    await sql`rollback to savepoint enrollment_batch`.execute(trx)
    await sql`release savepoint enrollment_batch`.execute(trx)
    throw error
  }
}

async function inOwnTransaction<T, Tables extends DB>(
  db: Kysely<Tables>,
  work: (trx: Transaction<Tables>) => Promise<SavepointResult<T>>,
): Promise<T> {
  const undone = new Undone()
  try {
    return await ownTransaction(db, async (trx) => {
      const { keep, value } = await work(trx)
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
