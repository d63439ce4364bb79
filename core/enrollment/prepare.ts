import type { Kysely } from 'kysely'
import { isUniqueViolation } from '../database/failure.ts'
import { LOCK_WAIT_MS } from '../database/lock-wait.ts'
import { LOST_RACE } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import type { Policy } from '../policy.ts'
import { attemptUnderSeatLocks, readAndPlan, readMissingAndPlan, writePlanned, type PlannedBatch } from './batch.ts'
import type { BatchItem, Result } from './command.ts'
import type { ReadFacts } from './facts.ts'
import { foresee, foreseeableCourse, type Foreseen } from './foresee.ts'
import { knownCoursesOf, type KnownCourses } from './known-courses.ts'
import { learnCourses } from './learn-courses.ts'
import { areApart as areReachesApart, reachOf, type Reach } from './ordered-pipeline.ts'
import { outlookOf, type Outlook } from './outlook.ts'
import type { AttemptResult } from './results.ts'
import { noteSeats } from './seat-outlook.ts'
import { seatsAhead } from './transaction-ahead.ts'
import { writeForeseen } from './write-foreseen.ts'

/**
 * A batch that was decided before the transaction that writes it, on facts that were read or on assumed ones, or of which it is known
 * that its transaction locks seats before anything is read.
 */
export type PreparedBatch = { readonly reach: Reach } & (
  | ({ readonly kind: 'planned' } & PlannedBatch)
  | ForeseenItems
  | {
      readonly kind: 'seats'
      readonly courseKeys: readonly string[]
      readonly note: (results: AttemptResult[]) => void
    }
)

interface ForeseenItems {
  readonly kind: 'foreseen'
  readonly items: readonly BatchItem[]
  /** Of those whose course runs are known. */
  readonly foreseen: Foreseen
  readonly courses: KnownCourses
  readonly outlook: Outlook
}

export interface PrepareOptions {
  /** Whether most of it is likely to be new: it is decided on assumed facts then, where its course runs allow that. */
  readonly isLikelyNew: boolean
}

/**
 * Decides a batch ahead.
 *
 * @param db a pool.
 */
export async function prepareBatch(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  { isLikelyNew }: PrepareOptions,
): Promise<PreparedBatch> {
  const courseKeys = seatsAhead(db, items, policy)
  if (courseKeys.length > 0) {
    return { kind: 'seats', courseKeys, note: (results) => noteSeats(db, courseKeys, results), reach: null }
  }
  const foreseen = isLikelyNew ? await foreseeMost(db, items, policy) : null
  if (foreseen !== null) {
    const remembered = { courses: knownCoursesOf(db), outlook: outlookOf(db) }
    return { kind: 'foreseen', foreseen, items, ...remembered, reach: reachOfForeseen(foreseen, items) }
  }
  const planned = await readAndPlan(db, items, policy)
  return { kind: 'planned', ...planned, reach: reachOf(planned) }
}

/**
 * Null where attributes are written too, which is done in one order with all rows, or where not even half of the batch is expected to
 * be written on assumed facts: reading costs less then.
 */
async function foreseeMost(db: Kysely<DB>, items: readonly BatchItem[], policy: Policy): Promise<Foreseen | null> {
  if (items.some(({ command }) => command.attributes !== null)) return null
  if ((await learnCourses(db, items, { atMost: 1 / 2 })) === null) return null
  const courses = knownCoursesOf(db)
  const ahead = items.flatMap((item) => {
    const known = foreseeableCourse(item.command, courses, policy)
    return known === null ? [] : [{ item, known }]
  })
  const foreseen = foresee(ahead, policy)
  return foreseen.expected * 2 > items.length ? foreseen : null
}

/**
 * Writes a prepared batch. What was decided on assumed facts that are not so is decided on its own facts, in the same transaction.
 *
 * @param db a transaction that has changed nothing yet of what the batch was decided on.
 * @throws {AssumedWrongly} where somebody else was faster with one of them, or two are about the same: the transaction has failed.
 */
export async function writePrepared(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  prepared: PreparedBatch,
): Promise<AttemptResult[]> {
  if (prepared.kind === 'planned') return writePlanned(db, items, policy, prepared)
  if (prepared.kind === 'seats') {
    const results = await attemptUnderSeatLocks(db, items, policy, prepared.courseKeys)
    prepared.note(results)
    return results
  }
  const { written, facts } = await writeAssumed(db, prepared, policy)
  const left = prepared.items.filter((item) => !written.has(item))
  const others = left.length === 0 ? [] : await writeLeft(db, left, policy, facts)
  const result = others.values()
  return prepared.items.map((item) => written.get(item) ?? result.next().value ?? LOST_RACE)
}

/** Thrown where a batch that was decided on assumed facts could not be written: its facts have to be read. */
export class AssumedWrongly extends Error {
  override readonly name = 'AssumedWrongly'
}

interface WrittenAssumed {
  readonly written: ReadonlyMap<BatchItem, Result>
  /** Of others, as far as they were found out. */
  readonly facts: ReadonlyMap<BatchItem, ReadFacts>
}

async function writeAssumed(
  db: Kysely<DB>,
  { foreseen, courses, outlook }: ForeseenItems,
  policy: Policy,
): Promise<WrittenAssumed> {
  const options = { asOne: false, lockWaitMs: LOCK_WAIT_MS, outlook }
  const { results, facts, changed } = await writeForeseen(db, foreseen, policy, options).catch((error: unknown) => {
    throw isUniqueViolation(error) ? new AssumedWrongly('Another enrollment was there before', { cause: error }) : error
  })
  // They are read on the pool next: what a transaction reads of them may be rolled back, and is not remembered.
  for (const { courseKey } of changed) courses.forget(courseKey.stored)
  const byItem = <T>(valueOf: (place: number) => T | null | undefined) =>
    new Map(
      foreseen.items.flatMap(({ item }, place) => {
        const value = valueOf(place)
        return value ? [[item, value]] : []
      }),
    )
  return { written: byItem((place) => results[place]), facts: byItem((place) => facts.get(place)) }
}

async function writeLeft(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  facts: ReadonlyMap<BatchItem, ReadFacts>,
): Promise<AttemptResult[]> {
  return writePlanned(db, items, policy, await readMissingAndPlan(db, items, policy, facts))
}

/** Whether two prepared batches are about different pairs, and no seats. Batches whose pairs are not known in the same way may not be. */
export function areApart(one: PreparedBatch, other: PreparedBatch): boolean {
  return one.kind === other.kind && areReachesApart(one.reach, other.reach)
}

/**
 * Whether what was decided for a batch still holds after another one was written: what was assumed is looked at when it is written, and
 * for seats all is read then.
 */
export function holdsAfter(before: PreparedBatch | undefined, prepared: PreparedBatch): boolean {
  return prepared.kind !== 'planned' || (before !== undefined && areApart(before, prepared))
}

/** Whose learners are all named by username: whoever is named in two ways is not known to be one person. */
function reachOfForeseen(foreseen: Foreseen, items: readonly BatchItem[]): Reach {
  if (foreseen.items.length < items.length) return null
  const pairs = new Set<string>()
  for (const { lookup, known } of foreseen.items) {
    if (lookup.username === null) return null
    pairs.add(`${known.course.id} ${lookup.username}`)
  }
  return pairs
}
