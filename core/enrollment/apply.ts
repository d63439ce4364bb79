import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Stamp } from './command.ts'
import type { PairPlan } from './plan.ts'
import { writeStatement, type Row, type StampedStep } from './write-statement.ts'

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
  const rows = pairs.filter(hasState).toSorted((a, b) => a.courseId - b.courseId || a.learnerId - b.learnerId)
  const steps: StampedStep[] = []
  for (const [place, row] of rows.entries()) {
    for (const step of row.steps) steps.push({ step, place, stamp: stampOf(step.index) })
  }
  steps.sort((a, b) => a.step.index - b.step.index)
  const { rows: answers } = await db.executeQuery(writeStatement(rows, steps))
  const ids = listOf(answers[0]?.ids)
  const events = listOf(answers[0]?.events).values()
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

function hasState(pair: PairPlan): pair is Row {
  if (pair.state === null) throw new RangeError('A pair that is written has a state')
  return true
}
