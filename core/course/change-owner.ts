import { setTimeout as sleep } from 'node:timers/promises'
import { sql, type Kysely, type Transaction } from 'kysely'
import { isLockTimeout } from '../database/failure.ts'
import { retryOnSerializationFailure } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import type { Owner, StoredOwner } from './owner.ts'
import { oldTransactions, stillThere, type OldTransaction } from './old-transactions.ts'

export interface ChangeOptions {
  /**
   * Asked while neither side can write the enrollments of the course runs: whether both say the same. False changes nothing. It
   * works on connections of its own.
   */
  readonly agree?: (courseIds: readonly string[]) => Promise<boolean>
  /** Milliseconds for which writes that have begun are waited for; 800 unless given. */
  readonly patienceMs?: number
}

export type OwnerChange =
  | {
      readonly is: 'changed'
      /** The course runs that had another owner. */
      readonly courseIds: readonly string[]
    }
  | { readonly is: 'notAgreed' }
  /** Transactions that may still write for the former owner go on for too long; those that are known. */
  | { readonly is: 'inUse'; readonly by: readonly OldTransaction[] }

/**
 * Gives course runs another owner (adoption.md §3). When it returns `changed`, no write of the former side can still land; in every
 * other case everything is as it was.
 *
 * To `here`: the course runs are locked, which whoever writes for the LMS waits for ({@link lockRunsOwnedByLms}), while callers are
 * still refused. To `lms`: they are `leaving` first, so that callers are refused while nobody applies what the LMS says; then
 * every transaction is waited for that may have seen the old owner, because facts are read before they are written and a
 * transaction of a caller ends when the caller likes.
 *
 * @param db a pool.
 * @param keys stored keys of course runs; unknown ones change nothing.
 */
export async function changeOwner(
  db: Kysely<DB>,
  keys: readonly string[] | 'all',
  to: Owner,
  { agree = () => Promise.resolve(true), patienceMs = 800 }: ChangeOptions = {},
): Promise<OwnerChange> {
  const options = { agree, patienceMs }
  return to === 'here' ? comeHere(db, keys, options) : leave(db, keys, options)
}

async function comeHere(
  db: Kysely<DB>,
  keys: readonly string[] | 'all',
  { agree, patienceMs }: Required<ChangeOptions>,
): Promise<OwnerChange> {
  try {
    return await underLock(db, keys, { agree, patienceMs })
  } catch (error) {
    if (isLockTimeout(error)) return { is: 'inUse', by: [] }
    throw error
  }
}

function underLock(
  db: Kysely<DB>,
  keys: readonly string[] | 'all',
  { agree, patienceMs }: Required<ChangeOptions>,
): Promise<OwnerChange> {
  return db.transaction().execute(async (trx) => {
    await sql`select set_config('lock_timeout', ${String(patienceMs)}, true)`.execute(trx)
    const { rows } = await sql<{ id: number; course_key: string }>`
      select id, course_key from courses where owner <> 'here' and ${among(keys)} order by id for no key update`.execute(
      trx,
    )
    const courseIds = rows.map(({ course_key: courseKey }) => courseKey)
    if (courseIds.length > 0 && !(await agree(courseIds))) return { is: 'notAgreed' }
    await sql`update courses set owner = 'here' where id = any (${rows.map(({ id }) => id)}::integer[])`.execute(trx)
    return { is: 'changed', courseIds }
  })
}

async function leave(
  db: Kysely<DB>,
  keys: readonly string[] | 'all',
  { agree, patienceMs }: Required<ChangeOptions>,
): Promise<OwnerChange> {
  const { courseIds, xid } = await setOwner(db, keys, { from: ['here', 'leaving'], to: 'leaving' })
  if (courseIds.length === 0) return { is: 'changed', courseIds }
  let by: readonly OldTransaction[] = []
  let isAgreed = false
  try {
    by = await waitForOldTransactions(db, xid, patienceMs)
    isAgreed = by.length === 0 && (await agree(courseIds))
  } finally {
    await setOwner(db, courseIds, { from: ['leaving'], to: isAgreed ? 'lms' : 'here' })
  }
  if (by.length > 0) return { is: 'inUse', by }
  return isAgreed ? { is: 'changed', courseIds } : { is: 'notAgreed' }
}

/** @returns the course runs that were changed, and the id of the transaction in which they were. */
function setOwner(
  db: Kysely<DB>,
  keys: readonly string[] | 'all',
  { from, to }: { readonly from: readonly StoredOwner[]; readonly to: StoredOwner },
): Promise<{ courseIds: string[]; xid: string }> {
  const set = async (trx: Transaction<DB>) => {
    await sql`select id from courses where ${among(keys)} order by id for no key update`.execute(trx)
    const { rows } = await sql<{ course_key: string; xid: string }>`
      update courses set owner = ${to} where owner = any (${from}::text[]) and ${among(keys)}
      returning course_key, pg_current_xact_id()::text as xid`.execute(trx)
    return { courseIds: rows.map(({ course_key: courseKey }) => courseKey), xid: rows[0]?.xid ?? '0' }
  }
  return retryOnSerializationFailure(db, () => inTransaction(db, set))
}

function among(keys: readonly string[] | 'all') {
  return keys === 'all' ? sql<boolean>`true` : sql<boolean>`course_key = any (${keys}::text[])`
}

/** @returns those that have not ended in time. */
async function waitForOldTransactions(db: Kysely<DB>, xid: string, patienceMs: number): Promise<OldTransaction[]> {
  const until = performance.now() + patienceMs
  let old = await oldTransactions(db, xid)
  while (old.length > 0 && performance.now() < until) {
    await sleep(PAUSE_MS)
    old = await stillThere(db, xid, old)
  }
  return old
}

const PAUSE_MS = 10
