import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Stamp } from './command.ts'
import type { PairPlan } from './plan.ts'
import { writeStatement, type Row } from './write-statement.ts'

/**
 * Writes planned changes in one statement, in the order of course and learner: a new row is inserted unless it exists by
 * now, an existing one is changed only at the version that was read, and each change of a written row leaves its event, in
 * the order of the commands. Locks are taken in that one order, so two overlapping batches never wait in a circle.
 *
 * @param pairs those with a step; one without is only held at the version that was read.
 */
export async function writeChanges(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  stampOf: (index: number) => Stamp,
): Promise<Written> {
  const rows = pairs.map(rowOf).toSorted((a, b) => a.courseId - b.courseId || a.learnerId - b.learnerId)
  const steps = rows
    .flatMap(({ pair }, place) => pair.steps.map((step) => ({ ...step, place, stamp: stampOf(step.index) })))
    .toSorted((a, b) => a.index - b.index)
  const { rows: answers } = await db.executeQuery(writeStatement(rows, steps))
  const ids = listOf(answers[0]?.ids)
  const events = listOf(answers[0]?.events).values()
  const written = answers[0]?.written === null ? null : new Set(listOf(answers[0]?.written))
  const isWritten = (place: number) => written === null || written.has(ids[place] ?? '')
  return {
    lost: new Set(rows.flatMap(({ pair }, place) => (isWritten(place) ? [] : [pair]))),
    enrollmentIds: new Map(rows.map(({ pair }, place) => [pair, ids[place] ?? ''])),
    eventIds: new Map(
      steps.flatMap(({ index, place }) => (isWritten(place) ? [[index, events.next().value ?? '']] : [])),
    ),
  }
}

/** What came of writing. */
export interface Written {
  /** Another transaction was faster with them: they have to be read and decided again. */
  readonly lost: ReadonlySet<PairPlan>
  /** The ids of the enrollments that were written or held. */
  readonly enrollmentIds: ReadonlyMap<PairPlan, string>
  /** The ids of the events, by the index of the command. */
  readonly eventIds: ReadonlyMap<number, string>
}

export const NOTHING_WRITTEN: Written = { lost: new Set(), enrollmentIds: new Map(), eventIds: new Map() }

function listOf(ids: string | null | undefined): string[] {
  return ids ? ids.split(',') : []
}

function rowOf(pair: PairPlan): Row {
  const { state, read, learnerId, courseId } = pair
  if (state === null) throw new RangeError('A pair that is written has a state')
  return { ...state, pair, learnerId, courseId, readVersion: read?.version ?? 0 }
}
