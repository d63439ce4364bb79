import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { claimAllowances, replaceAttributes } from './accompany.ts'
import { NOTHING_WRITTEN, writeChanges, type Written } from './apply.ts'
import type { Asked } from './command.ts'
import type { PairPlan } from './plan.ts'

/**
 * Locks the seats of courses, in a fixed order. The write makes a transaction that runs on an older snapshot
 * (REPEATABLE READ, SERIALIZABLE) fail instead of counting seats that were taken since.
 */
export async function lockSeats(trx: Kysely<DB>, courseIds: readonly number[]): Promise<void> {
  await sql`with seat as materialized (
    select id from courses where id = any (${courseIds}::integer[]) order by id for no key update
  ) update courses c set seat_lock = (c.seat_lock + 1) % 1000000 from seat where c.id = seat.id`.execute(trx)
}

/** Locks the rows that the pairs have by now, in the order in which they are written. Belongs into a transaction. */
export async function lockPairs(trx: Kysely<DB>, pairs: readonly PairPlan[]): Promise<void> {
  await sql`
    select e.id from enrollments e
    join unnest(${pairs.map((pair) => pair.learnerId)}::integer[], ${pairs.map((pair) => pair.courseId)}::integer[])
      as p (learner_id, course_id) using (learner_id, course_id)
    order by e.course_id, e.learner_id for no key update of e`.execute(trx)
}

/** Writes all that a plan holds. Belongs into a transaction. */
export async function writeEverything(
  trx: Kysely<DB>,
  pairs: readonly PairPlan[],
  asked: readonly Asked[],
): Promise<Written> {
  const claimed = await claim(trx, pairs)
  const kept = pairs.filter((pair) => pair.claimAllowance === null || claimed.has(pair.claimAllowance))
  const written = await writePairs(trx, kept, asked)
  const lost = new Set([...written.lost, ...without(pairs, kept)])
  const attributed = kept.flatMap((pair) => {
    const enrollmentId = pair.enrollmentId ?? written.enrollmentIds.get(pair)
    if (pair.attributes === null || enrollmentId === undefined || lost.has(pair)) return []
    return [{ enrollmentId, attributes: pair.attributes }]
  })
  if (attributed.length > 0) await replaceAttributes(trx, attributed)
  return { ...written, lost }
}

function without(pairs: readonly PairPlan[], kept: readonly PairPlan[]): PairPlan[] {
  const known = new Set(kept)
  return pairs.filter((pair) => !known.has(pair))
}

async function claim(trx: Kysely<DB>, pairs: readonly PairPlan[]): Promise<Set<number>> {
  const claims = pairs.flatMap((pair) =>
    pair.claimAllowance === null ? [] : [{ allowanceId: pair.claimAllowance, learnerId: pair.learnerId }],
  )
  return claims.length > 0 ? claimAllowances(trx, claims) : new Set()
}

/** Writes the pairs that change, or whose attributes do, in one statement. */
export async function writePairs(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  asked: readonly Asked[],
): Promise<Written> {
  const changed = pairs.filter((pair) => pair.steps.length > 0 || pair.attributes !== null)
  if (changed.length === 0) return NOTHING_WRITTEN
  return writeChanges(db, changed, (index) => {
    const stamp = asked[index]?.stamp
    if (stamp === undefined) throw new RangeError('Each step belongs to a command')
    return stamp
  })
}
