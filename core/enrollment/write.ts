import { sql, type Kysely, type Transaction } from 'kysely'
import { claimAllowances } from '../course/claim-allowances.ts'
import { lockRunsOwnedHere } from '../course/lock-owner.ts'
import { isUnheard } from '../database/after-commit.ts'
import type { DB } from '../database/schema.ts'
import { wakeReaders } from '../event/wake.ts'
import type { BatchItem, CallMetadata } from './command.ts'
import type { PairPlan } from './plan.ts'
import { replaceAttributes } from './write-attributes.ts'
import { writeStatement, type RowToWrite, type StepToWrite } from './write-sql.ts'

/** What became of the pairs that were to be written. */
export interface Written {
  /** Another transaction was faster with them, or with the owner of their course runs: they have to be read and decided again. */
  readonly lost: ReadonlySet<PairPlan>
  /** The ids of the enrollments that were written or held. */
  readonly enrollmentIds: ReadonlyMap<PairPlan, string>
  /** The ids of the events, by the index of the item. */
  readonly eventIds: ReadonlyMap<number, string>
}

const NOTHING_WRITTEN: Written = { lost: new Set(), enrollmentIds: new Map(), eventIds: new Map() }

/**
 * Writes the pairs of a batch that change, or whose attributes do.
 *
 * @param lockWaitMs see {@link WriteOptions}.
 */
export async function writePairs(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  items: readonly BatchItem[],
  lockWaitMs?: number,
): Promise<Written> {
  const changed = pairs.filter((pair) => pair.steps.length > 0 || pair.attributes !== null)
  if (changed.length === 0) return NOTHING_WRITTEN
  const metadataOf = (index: number) => {
    const metadata = items[index]?.metadata
    if (metadata === undefined) throw new RangeError('Each step belongs to an item')
    return metadata
  }
  return writeChanges(db, changed, metadataOf, { lockWaitMs })
}

export interface WriteOptions {
  /** How long it waits for rows that somebody holds; without it as long as the transaction says. */
  readonly lockWaitMs?: number | undefined
  /** Writes in course runs that the LMS owns too: only for what comes from there, or from an operator's file. */
  readonly whoeverOwns?: boolean
}

/**
 * Writes planned changes in one statement, in the order of course run and learner: a new row is inserted unless it exists by
 * now, an existing one is changed only at the version that was read, neither where the LMS owns the course run by now, and each
 * change of a written row leaves its event, in the order of the items. Locks are taken in that one order, so that two overlapping batches never wait for each other.
 *
 * @param pairs at least one; one without a step is only held at the version that was read.
 * @param metadataOf of the item with this index.
 */
export async function writeChanges(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  metadataOf: (index: number) => CallMetadata,
  { lockWaitMs, whoeverOwns = false }: WriteOptions = {},
): Promise<Written> {
  const rows = pairs.filter(hasState).toSorted((a, b) => a.courseId - b.courseId || a.learnerId - b.learnerId)
  const steps = stepsOf(rows, metadataOf)
  const wakes = isUnheard(db)
  const { rows: answers } = await db.executeQuery(writeStatement(rows, steps, { lockWaitMs, wakes, whoeverOwns }))
  const ids = listOf(answers[0]?.ids)
  const events = listOf(answers[0]?.events).values()
  if (answers[0]?.events && !wakes) wakeReaders(db)
  const written = answers[0]?.written === null ? null : new Set(listOf(answers[0]?.written))
  const isWritten = (place: number) => written === null || written.has(ids[place] ?? '')
  return {
    lost: new Set(rows.filter((_, place) => !isWritten(place))),
    enrollmentIds: new Map(rows.map((row, place) => [row, ids[place] ?? ''])),
    eventIds: new Map(
      steps.filter(({ place }) => isWritten(place)).map(({ step }) => [step.index, events.next().value ?? '']),
    ),
  }
}

/** The changes of all rows, in the order of the items. */
function stepsOf(rows: readonly RowToWrite[], metadataOf: (index: number) => CallMetadata): StepToWrite[] {
  const steps: StepToWrite[] = []
  for (const [place, row] of rows.entries()) {
    for (const step of row.steps) steps.push({ step, place, metadata: metadataOf(step.index) })
  }
  return steps.toSorted((a, b) => a.step.index - b.step.index)
}

function listOf(ids: string | null | undefined): string[] {
  return ids ? ids.split(',') : []
}

function hasState(pair: PairPlan): pair is RowToWrite {
  if (pair.state === null) throw new RangeError('A pair that is written has a state')
  return true
}

/** Writes the pairs with the allowances that they claim and their attributes. */
export async function writePairsWithCompanions(
  trx: Transaction<DB>,
  pairs: readonly PairPlan[],
  items: readonly BatchItem[],
): Promise<Written> {
  const claimed = await claimAllowancesOf(trx, await withOwnerHeld(trx, pairs))
  const kept = pairs.filter((pair) => pair.claimAllowance === null || claimed.has(pair.claimAllowance))
  const written = await writePairs(trx, kept, items)
  const lost = new Set([...written.lost, ...new Set(pairs).difference(new Set(kept))])
  const attributed = kept.flatMap((pair) => {
    const enrollmentId = pair.enrollmentId ?? written.enrollmentIds.get(pair)
    if (pair.attributes === null || enrollmentId === undefined || lost.has(pair)) return []
    return [{ enrollmentId, attributes: pair.attributes }]
  })
  if (attributed.length > 0) await replaceAttributes(trx, attributed)
  return { ...written, lost }
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

/**
 * Locks the seats of course runs, in a fixed order. The write makes a transaction that runs on an older snapshot
 * (REPEATABLE READ, SERIALIZABLE) fail instead of counting seats that were taken since.
 */
export async function lockSeats(trx: Transaction<DB>, courseIds: readonly number[]): Promise<void> {
  await sql`with seat as materialized (
    select id from courses where id = any (${courseIds}::integer[]) order by id for no key update
  ) update courses c set seat_lock = (c.seat_lock + 1) % 1000000 from seat where c.id = seat.id`.execute(trx)
}

/** Locks the rows that the pairs have by now, in the order in which they are written. */
export async function lockPairs(trx: Transaction<DB>, pairs: readonly PairPlan[]): Promise<void> {
  await sql`
    select e.id from enrollments e
    join unnest(${pairs.map((pair) => pair.learnerId)}::integer[], ${pairs.map((pair) => pair.courseId)}::integer[])
      as p (learner_id, course_id) using (learner_id, course_id)
    order by e.course_id, e.learner_id for no key update of e`.execute(trx)
}
