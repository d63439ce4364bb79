import { setTimeout as sleep } from 'node:timers/promises'
import { sql, type Kysely, type Transaction } from 'kysely'
import { isLockTimeout } from '../database/failure.ts'
import { retryOnSerializationFailure } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import { lockOutLms } from './lock-owner.ts'
import type { Owner, StoredOwner } from './owner.ts'
import { oldTransactions, stillThere, type OldTransaction } from './old-transactions.ts'

export interface ChangeOptions {
  /**
   * Asked while neither side can write the enrollments of the course runs: those of which both say the same. The others are
   * left as they are. It works on connections of its own.
   */
  readonly agreeing?: (courseIds: readonly string[]) => Promise<readonly string[]>
  /** Milliseconds for which writes that have begun are waited for; 800 unless given. */
  readonly patienceMs?: number
}

export type OwnerChange =
  | {
      readonly is: 'changed'
      /** The course runs that had another owner. */
      readonly courseIds: readonly string[]
      /** Those of which the two sides do not say the same: they have the owner that they had. */
      readonly differing: readonly string[]
    }
  /** Transactions that may still write for the former owner go on for too long; those that are known. */
  | { readonly is: 'inUse'; readonly by: readonly OldTransaction[] }

/**
 * Gives course runs another owner (adoption.md §3). When it returns `changed`, no write of the former side can still land in
 * those course runs; all others are as they were.
 *
 * To `here`: whoever writes for the LMS is locked out ({@link lockRunsOwnedByLms}) while callers are still refused. To `lms`: they are `leaving` first, so that callers are refused while nobody applies what the LMS says; then
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
  { agreeing = (courseIds) => Promise.resolve(courseIds), patienceMs = 800 }: ChangeOptions = {},
): Promise<OwnerChange> {
  const options = { agreeing, patienceMs }
  return to === 'here' ? comeHere(db, keys, options) : leave(db, keys, options)
}

async function comeHere(
  db: Kysely<DB>,
  keys: readonly string[] | 'all',
  { agreeing, patienceMs }: Required<ChangeOptions>,
): Promise<OwnerChange> {
  try {
    return await underLock(db, keys, { agreeing, patienceMs })
  } catch (error) {
    if (isLockTimeout(error)) return { is: 'inUse', by: [] }
    throw error
  }
}

function underLock(
  db: Kysely<DB>,
  keys: readonly string[] | 'all',
  { agreeing, patienceMs }: Required<ChangeOptions>,
): Promise<OwnerChange> {
  return db.transaction().execute(async (trx) => {
    await sql`select set_config('lock_timeout', ${String(patienceMs)}, true)`.execute(trx)
    await lockOutLms(trx)
    const { rows } = await sql<{ course_key: string }>`
      select course_key from courses where owner <> 'here' and ${among(keys)} order by id`.execute(trx)
    const asked = rows.map(({ course_key: courseKey }) => courseKey)
    const courseIds = asked.length > 0 ? await agreeing(asked) : []
    await sql`select id from courses where ${among(courseIds)} order by id for no key update`.execute(trx)
    await sql`update courses set owner = 'here' where ${among(courseIds)}`.execute(trx)
    return changed(asked, courseIds)
  })
}

async function leave(
  db: Kysely<DB>,
  keys: readonly string[] | 'all',
  { agreeing, patienceMs }: Required<ChangeOptions>,
): Promise<OwnerChange> {
  const { courseIds, xid } = await setOwner(db, keys, { from: ['here', 'leaving'], to: 'leaving' })
  if (courseIds.length === 0) return changed([], [])
  let by: readonly OldTransaction[] = []
  let agreed: readonly string[] = []
  try {
    by = await waitForOldTransactions(db, xid, patienceMs)
    if (by.length === 0) agreed = await agreeing(courseIds)
  } finally {
    if (agreed.length > 0) agreed = (await setOwner(db, agreed, { from: ['leaving'], to: 'lms' })).courseIds
    await setOwner(db, courseIds, { from: ['leaving'], to: 'here' })
  }
  return by.length > 0 ? { is: 'inUse', by } : changed(courseIds, agreed)
}

function changed(asked: readonly string[], agreed: readonly string[]): OwnerChange {
  const changedRuns = new Set(agreed)
  return { is: 'changed', courseIds: agreed, differing: asked.filter((key) => !changedRuns.has(key)) }
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
  let old = await oldTransactions(db, xid)
  const until = performance.now() + patienceMs
  while (old.length > 0 && performance.now() < until) {
    await sleep(PAUSE_MS)
    old = await stillThere(db, xid, old)
  }
  return old
}

const PAUSE_MS = 10
