import type { Kysely, Transaction } from 'kysely'
import { isLockTimeout } from './failure.ts'
import { retryOnSerializationFailure } from './retry.ts'
import type { DB } from './schema.ts'
import { inTransaction } from './transaction.ts'

/** What was done of some items, and which of them need a row that somebody holds: of these nothing was done. */
export interface DoneAroundHeld<T, R> {
  readonly done: readonly R[]
  readonly held: readonly T[]
}

/**
 * Does work on items, all of them in one transaction; where somebody holds a row that one of them needs, they are divided
 * until those are found that would have to wait. For work that nobody waits for and that comes again: who holds a row for long
 * delays what needs that row, and nothing else.
 *
 * In a caller's transaction nothing can be divided: the work waits as any other there.
 *
 * @param work does a part of the items; what it answers is in `done`, once for each part.
 * @throws {EnrollmentError} `unavailable` after too many serialization conflicts; what the work throws for another reason.
 */
export async function workAroundHeld<T, R>(
  db: Kysely<DB>,
  items: readonly T[],
  work: (trx: Transaction<DB>, part: readonly T[]) => Promise<R>,
): Promise<DoneAroundHeld<T, R>> {
  const done = await retryOnSerializationFailure(db, () =>
    inTransaction(db, (trx) => work(trx, items)).then(
      (value) => [value],
      (error: unknown) => {
        if (isLockTimeout(error) && !db.isTransaction) return null
        throw error
      },
    ),
  )
  if (done !== null) return { done, held: [] }
  if (items.length === 1) return { done: [], held: items }
  const middle = Math.ceil(items.length / 2)
  const first = await workAroundHeld(db, items.slice(0, middle), work)
  const second = await workAroundHeld(db, items.slice(middle), work)
  return { done: [...first.done, ...second.done], held: [...first.held, ...second.held] }
}
