import type { Kysely } from 'kysely'
import { isUniqueViolation } from '../database/failure.ts'
import { LOCK_WAIT_MS } from '../database/lock-wait.ts'
import { LOST_RACE } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import type { Policy } from '../policy.ts'
import { attemptBatch, attemptUnderSeatLocks, writePlanned } from './batch.ts'
import type { BatchItem, Result } from './command.ts'
import type { ReadFacts } from './facts.ts'
import { foresee, foreseeableCourse, type Foreseen } from './foresee.ts'
import { knownCoursesOf, type KnownCourse } from './known-courses.ts'
import { learnCourses } from './learn-courses.ts'
import { outlookOf } from './outlook.ts'
import { planBatch } from './plan.ts'
import type { AttemptResult } from './results.ts'
import { seatsAhead } from './transaction-ahead.ts'
import { writeForeseen, type ForeseenBatch } from './write-foreseen.ts'

/** The result of an item that was not written ahead: it has to be decided on its facts. */
export const NOT_WRITTEN = 'notWritten'

/** The course runs of those items that may be decided ahead at the moment; the others are read first. */
export function coursesAhead(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
): ReadonlyMap<BatchItem, KnownCourse> {
  if (!outlookOf(db).rounds) return new Map()
  // All at once, so that there is one state of each.
  const courses = knownCoursesOf(db)
  return new Map(
    items.flatMap((item) => {
      const known = foreseeableCourse(item.command, courses, policy)
      return known === null ? [] : [[item, known] as const]
    }),
  )
}

/** The share of a batch or round that is read so that its course runs are known, before it is decided ahead. */
const LEARNED_AT_MOST = 1 / 8

/**
 * Makes the course runs of a round known of which nothing is known, where these are few.
 *
 * @returns whether there were any: then some of the round may be decided ahead that could not before.
 */
export async function learnCoursesOfRound(db: Kysely<DB>, items: readonly BatchItem[]): Promise<boolean> {
  if (!outlookOf(db).rounds) return false
  return ((await learnCourses(db, items, { atMost: LEARNED_AT_MOST })) ?? 0) > 0
}

/** Notes what became of items that were read first. */
export function tellReadFirst(db: Kysely<DB>, results: readonly (object | string)[]): void {
  const outlook = outlookOf(db)
  if (!outlook.rounds && results.filter(isCreated).length * 2 >= results.length) outlook.rounds = true
}

/**
 * Attempts to write single calls ahead, each for itself.
 *
 * @param courses see {@link coursesAhead}.
 * @param found gets the facts of items that are not written.
 */
export async function attemptAhead(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
  courses: ReadonlyMap<BatchItem, KnownCourse>,
  found: Map<BatchItem, ReadFacts>,
): Promise<(Result | typeof NOT_WRITTEN)[]> {
  const foreseen = foresee(
    items.flatMap((item) => {
      const known = courses.get(item)
      return known === undefined ? [] : [{ item, known }]
    }),
    policy,
  )
  const outlook = outlookOf(db)
  if (foreseen.expected * 2 < items.length) {
    // Deciding twice what is refused costs more than reading; a lone call says nothing of those after it.
    if (items.length > 1) outlook.rounds = false
    return items.map(() => NOT_WRITTEN)
  }
  const batch = await writtenOrNull(db, foreseen, policy, false)
  const results = batch?.results ?? []
  outlook.rounds = results.filter((result) => result !== null).length * 2 >= items.length
  for (const [place, facts] of batch?.facts ?? []) {
    const item = foreseen.items[place]?.item
    if (item !== undefined) found.set(item, facts)
  }
  const resultOf = new Map(foreseen.items.map(({ item }, place) => [item, results[place]]))
  return items.map((item) => resultOf.get(item) ?? NOT_WRITTEN)
}

/**
 * Like {@link attemptBatch}; on a pool a batch that only creates enrollments is written ahead, all of it or nothing, and where seats are
 * known to be counted they are locked before anything is read.
 */
export async function attemptBatchAhead(
  db: Kysely<DB>,
  items: readonly BatchItem[],
  policy: Policy,
): Promise<AttemptResult[]> {
  if (db.isTransaction) return attemptBatch(db, items, policy)
  const outlook = outlookOf(db)
  if (outlook.batches) await learnCourses(db, items, { atMost: LEARNED_AT_MOST })
  const seats = seatsAhead(db, items, policy)
  if (seats.length > 0) return attemptUnderSeatLocks(db, items, policy, seats)
  const foreseen = outlook.batches ? foreseeWhole(db, items, policy) : null
  if (foreseen === null) {
    const results = await attemptBatch(db, items, policy)
    outlook.batches ||= results.every(isCreated)
    return results
  }
  const batch = await writtenOrNull(db, foreseen, policy, true)
  const results = batch?.results ?? []
  const written = results.filter((result) => result !== null).length
  outlook.batches = written === items.length
  // Where PostgreSQL left one out, the others are there.
  if (written > 0) return results.map((result) => result ?? LOST_RACE)
  const facts = items.flatMap((_, place) => batch?.facts.get(place) ?? [])
  if (facts.length < items.length) return attemptBatch(db, items, policy)
  return writePlanned(db, items, policy, { facts, plan: planBatch(items, facts, policy) })
}

/** Null where not all of the batch is expected to be written. */
function foreseeWhole(db: Kysely<DB>, items: readonly BatchItem[], policy: Policy): Foreseen | null {
  const courses = knownCoursesOf(db)
  const known: { item: BatchItem; known: KnownCourse }[] = []
  for (const item of items) {
    const course = foreseeableCourse(item.command, courses, policy)
    if (course === null) return null
    known.push({ item, known: course })
  }
  const foreseen = foresee(known, policy)
  return foreseen.expected === items.length ? foreseen : null
}

/** Null: somebody else was faster with one of them, or two are about the same. Nothing was written, and all has to be read. */
async function writtenOrNull(
  db: Kysely<DB>,
  foreseen: Foreseen,
  policy: Policy,
  asOne: boolean,
): Promise<ForeseenBatch | null> {
  try {
    return await writeForeseen(db, foreseen, policy, { asOne, lockWaitMs: LOCK_WAIT_MS, outlook: outlookOf(db) })
  } catch (error) {
    if (isUniqueViolation(error)) return null
    throw error
  }
}

function isCreated(result: object | string): boolean {
  return (
    typeof result === 'object' && 'outcome' in result && (result as Result & { ok: true }).outcome.kind === 'created'
  )
}
