import { sql, type CompiledQuery, type Kysely, type Transaction } from 'kysely'
import { isUnheard } from '../database/after-commit.ts'
import type { DB } from '../database/schema.ts'
import { wakeReaders } from '../event/wake.ts'
import type { BatchItem, CallMetadata } from './command.ts'
import { enrollmentOfPair } from './pair-lookup.ts'
import type { PairPlan } from './plan.ts'
import { writeStatement, type RowToWrite, type StepToWrite, type WriteAnswer } from './write-sql.ts'

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

/** The statement that writes pairs, and what its answer says. */
export interface WriteQuery {
  readonly statement: CompiledQuery<WriteAnswer>
  writtenFrom(answers: readonly WriteAnswer[]): Written
}

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
  const query = pairsQuery(db, pairs, items, lockWaitMs)
  return query === null ? NOTHING_WRITTEN : run(db, query)
}

/** What {@link writePairs} sends, to be sent together with other statements; null: nothing changes. */
export function pairsQuery(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  items: readonly BatchItem[],
  lockWaitMs?: number,
): WriteQuery | null {
  const changed = pairs.filter((pair) => pair.steps.length > 0 || pair.attributes !== null)
  if (changed.length === 0) return null
  const metadataOf = (index: number) => {
    const metadata = items[index]?.metadata
    if (metadata === undefined) throw new RangeError('Each step belongs to an item')
    return metadata
  }
  return changesQuery(db, changed, metadataOf, { lockWaitMs })
}

async function run(db: Kysely<DB>, { statement, writtenFrom }: WriteQuery): Promise<Written> {
  return writtenFrom((await db.executeQuery(statement)).rows)
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
  options: WriteOptions = {},
): Promise<Written> {
  return run(db, changesQuery(db, pairs, metadataOf, options))
}

function changesQuery(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  metadataOf: (index: number) => CallMetadata,
  { lockWaitMs, whoeverOwns = false }: WriteOptions,
): WriteQuery {
  const rows = pairs.filter(hasState).toSorted((a, b) => a.courseId - b.courseId || a.learnerId - b.learnerId)
  const steps = stepsOf(rows, metadataOf)
  const wakes = isUnheard(db)
  const statement = writeStatement(rows, steps, { lockWaitMs, wakes, whoeverOwns })
  return {
    statement,
    writtenFrom([answer]) {
      if (answer?.events && !wakes) wakeReaders(db)
      return writtenOf(rows, steps, answer)
    },
  }
}

function writtenOf(
  rows: readonly RowToWrite[],
  steps: readonly StepToWrite[],
  answer: WriteAnswer | undefined,
): Written {
  const ids = listOf(answer?.ids)
  const events = listOf(answer?.events).values()
  const written = answer?.written === null ? null : new Set(listOf(answer?.written))
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

/** Locks the rows that the pairs have by now, in the order in which they are written. */
export async function lockPairs(trx: Transaction<DB>, pairs: readonly PairPlan[]): Promise<void> {
  await sql`
    select id from enrollments where id = any (array(
      select e.id from unnest(${pairs.map((pair) => pair.learnerId)}::integer[], ${pairs.map((pair) => pair.courseId)}::integer[])
        as p (learner_id, course_id), ${sql.raw(enrollmentOfPair('p.learner_id', 'p.course_id'))} e))
    order by course_id, learner_id for no key update`.execute(trx)
}
