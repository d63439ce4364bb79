import { sql, type Kysely } from 'kysely'
import type { DB } from './schema.ts'

/** Runs `work` in the caller's transaction where `db` is one, otherwise in a transaction of its own. */
export function inTransaction<T>(db: Kysely<DB>, work: (trx: Kysely<DB>) => Promise<T>): Promise<T> {
  return db.isTransaction ? work(db) : db.transaction().execute(work)
}

/**
 * Runs `work` so that it can be taken back: under a savepoint of the caller's transaction, or in a transaction of its
 * own. What the caller wrote before stays as it was in every case.
 *
 * @param work says with `keep` whether its writes stay; a throw takes them back too.
 */
export async function undoable<T>(
  db: Kysely<DB>,
  work: (trx: Kysely<DB>) => Promise<{ keep: boolean; value: T }>,
): Promise<T> {
  return db.isTransaction ? underSavepoint(db, work) : inOwnTransaction(db, work)
}

async function underSavepoint<T>(
  trx: Kysely<DB>,
  work: (trx: Kysely<DB>) => Promise<{ keep: boolean; value: T }>,
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

async function inOwnTransaction<T>(
  db: Kysely<DB>,
  work: (trx: Kysely<DB>) => Promise<{ keep: boolean; value: T }>,
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
