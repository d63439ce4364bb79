import type { Transaction } from 'kysely'
import { claimAllowances } from '../course/claim-allowances.ts'
import { lockRunsOwnedHere } from '../course/lock-owner.ts'
import type { DB } from '../database/schema.ts'
import type { TransactionEnd } from '../database/transaction.ts'
import type { BatchItem } from './command.ts'
import type { PairPlan } from './plan.ts'
import { replaceAttributes, replaceWrittenAttributes } from './write-attributes.ts'
import { pairsQuery, writePairs, type Written } from './write.ts'

/** Writes the pairs with the allowances that they claim and their attributes, and ends the work of the transaction. */
export async function writePairsWithCompanions(
  trx: Transaction<DB>,
  pairs: readonly PairPlan[],
  items: readonly BatchItem[],
  end: TransactionEnd,
): Promise<Written> {
  const claimed = await claimAllowancesOf(trx, await withOwnerHeld(trx, pairs))
  const kept = pairs.filter((pair) => pair.claimAllowance === null || claimed.has(pair.claimAllowance))
  const written = end.isOwn ? await writeLast(trx, kept, items, end) : await writeWithAttributes(trx, kept, items)
  return { ...written, lost: new Set([...written.lost, ...new Set(pairs).difference(new Set(kept))]) }
}

/** In one go with the commit: what has been written is known to the statements after it, but not here. */
async function writeLast(
  trx: Transaction<DB>,
  pairs: readonly PairPlan[],
  items: readonly BatchItem[],
  end: TransactionEnd,
): Promise<Written> {
  const query = pairsQuery(trx, pairs, items)
  if (query === null) return writePairs(trx, [], items)
  const [{ rows }] = await end.sendLast([query.statement, ...replaceWrittenAttributes(pairs)])
  return query.writtenFrom(rows)
}

async function writeWithAttributes(
  trx: Transaction<DB>,
  pairs: readonly PairPlan[],
  items: readonly BatchItem[],
): Promise<Written> {
  const written = await writePairs(trx, pairs, items)
  const attributed = pairs.flatMap((pair) => {
    const enrollmentId = pair.enrollmentId ?? written.enrollmentIds.get(pair)
    if (pair.attributes === null || enrollmentId === undefined || written.lost.has(pair)) return []
    return [{ enrollmentId, attributes: pair.attributes }]
  })
  if (attributed.length > 0) await replaceAttributes(trx, attributed)
  return written
}

/** Those of the pairs that claim an allowance in a course run that is owned here, and stays so: nothing takes a claim back. */
async function withOwnerHeld(trx: Transaction<DB>, pairs: readonly PairPlan[]): Promise<PairPlan[]> {
  const claiming = pairs.filter((pair) => pair.claimAllowance !== null)
  if (claiming.length === 0) return []
  const held = await lockRunsOwnedHere(trx, [...new Set(claiming.map(({ courseId }) => courseId))])
  return claiming.filter(({ courseId }) => held.has(courseId))
}

async function claimAllowancesOf(trx: Transaction<DB>, pairs: readonly PairPlan[]): Promise<Set<number>> {
  const claims = pairs.flatMap((pair) =>
    pair.claimAllowance === null ? [] : [{ allowanceId: pair.claimAllowance, learnerId: pair.learnerId }],
  )
  return claims.length > 0 ? claimAllowances(trx, claims) : new Set()
}
