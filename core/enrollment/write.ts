import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { claimAllowances, replaceAttributes, writeChanges } from './apply.ts'
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

/** The ids of the events of each pair, by version; a pair that was not to be written is absent. */
export type WrittenPairs = ReadonlyMap<PairPlan, ReadonlyMap<number, string> | 'lostRace'>

/** Writes all that a plan holds. Belongs into a transaction. */
export async function writeEverything(
  trx: Kysely<DB>,
  pairs: readonly PairPlan[],
  asked: readonly Asked[],
): Promise<WrittenPairs> {
  const claimed = await claim(trx, pairs)
  const kept = pairs.filter((pair) => pair.claimAllowance === null || claimed.has(pair.claimAllowance))
  const written = new Map(await writePairs(trx, kept, asked))
  const attributed = kept.flatMap((pair) => {
    if (pair.attributes === null || written.get(pair) === 'lostRace') return []
    return [{ enrollmentId: pair.enrollmentId, attributes: pair.attributes }]
  })
  if (attributed.length > 0) await replaceAttributes(trx, attributed)
  const held = new Set(kept)
  for (const pair of pairs) if (!held.has(pair)) written.set(pair, 'lostRace')
  return written
}

async function claim(trx: Kysely<DB>, pairs: readonly PairPlan[]): Promise<Set<number>> {
  const claims = pairs.flatMap((pair) =>
    pair.claimAllowance === null ? [] : [{ allowanceId: pair.claimAllowance, learnerId: pair.learnerId }],
  )
  return claims.length > 0 ? claimAllowances(trx, claims) : new Set()
}

/** Writes the pairs that change, or whose attributes do, in one statement; those missing in its answer lost a race. */
export async function writePairs(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  asked: readonly Asked[],
): Promise<WrittenPairs> {
  const changed = pairs.filter((pair) => pair.steps.length > 0 || pair.attributes !== null)
  if (changed.length === 0) return new Map()
  const events = await writeChanges(db, changed, (index) => {
    const stamp = asked[index]?.stamp
    if (stamp === undefined) throw new RangeError('Each step belongs to a command')
    return stamp
  })
  return new Map(changed.map((pair) => [pair, events.get(pair.enrollmentId) ?? 'lostRace']))
}
