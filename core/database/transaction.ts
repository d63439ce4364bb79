import { sql, type Kysely, type Transaction } from 'kysely'
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
  return joined === null ? db.transaction().execute(work) : work(joined)
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
    return await db.transaction().execute(async (trx) => {
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
