import type { Kysely } from 'kysely'
import { isUniqueViolation } from '../database/failure.ts'
import { instantFromPostgres } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import { wakeReaders } from '../event/wake.ts'
import type { Policy } from '../policy.ts'
import type { Result } from './command.ts'
import type { LearnerFacts } from './decide.ts'
import type { ReadFacts } from './facts.ts'
import { factsOf, isSameInAnyRole, NO_ROLES, type Foreseen, type ForeseenItem } from './foresee.ts'
import type { KnownCourse } from './known-courses.ts'
import { foreseenStatement, type ForeseenAnswer, type ForeseenFacts } from './foreseen-sql.ts'
import { areSurelyNew, noteAssumed, type Outlook } from './outlook.ts'
import { resultOf } from './results.ts'

/** What became of commands that were decided ahead. */
export interface ForeseenBatch {
  /** One for each command, in order; null: it was not written. */
  readonly results: readonly (Result | null)[]
  /**
   * The facts of those that were not written, by their places. Those are missing whose course run is not as it was known, or whose
   * roles in it matter.
   */
  readonly facts: ReadonlyMap<number, ReadFacts>
  /** The course runs that are not as they were known. */
  readonly changed: readonly KnownCourse[]
}

/**
 * Writes commands that create an enrollment on assumed facts, each where the facts are so in the snapshot of the statement that
 * writes it, and finds out the facts of the others.
 *
 * @param db a pool, or a transaction of our own.
 * @param options.asOne writes all of them or none.
 * @param options.outlook of the pool: says whether they are taken for new without a look, and learns what became of them.
 * @throws what PostgreSQL throws where an enrollment that was taken for new exists, somebody else creates it meanwhile
 *   (`isUniqueViolation`), or two of them are about the same: nothing is written then.
 */
export async function writeForeseen(
  db: Kysely<DB>,
  foreseen: Foreseen,
  policy: Policy,
  options: { readonly asOne: boolean; readonly lockWaitMs: number; readonly outlook: Outlook },
): Promise<ForeseenBatch> {
  const { items, expected } = foreseen
  const answer = await answerTo(db, foreseen, options)
  if (answer.events !== null) wakeReaders(db)
  const results = resultsOf(answer, foreseen)
  noteAssumed(options.outlook, expected, results.filter((result) => result !== null).length === expected)
  return {
    results,
    facts: factsFrom(answer, items, policy),
    changed: changedCourses(answer, items),
  }
}

async function answerTo(
  db: Kysely<DB>,
  { items, expected }: Foreseen,
  { outlook, ...options }: Parameters<typeof writeForeseen>[3],
): Promise<ForeseenAnswer> {
  const statement = foreseenStatement(items, { ...options, areSurelyNew: areSurelyNew(outlook, expected) })
  const { rows } = await db.executeQuery(statement).catch((error: unknown) => {
    if (isUniqueViolation(error)) noteAssumed(outlook, expected, false)
    throw error
  })
  const [answer] = rows
  if (answer === undefined) throw new RangeError('The statement answers one row')
  return answer
}

function changedCourses({ known }: ForeseenAnswer, items: readonly ForeseenItem[]): KnownCourse[] {
  if (known === null) return []
  const same = new Set(known.split(','))
  return [...new Set(items.map((item) => item.known))].filter(({ course }) => !same.has(String(course.id)))
}

function resultsOf(
  { ids, users, usernames, events, written }: ForeseenAnswer,
  { items, plan }: Foreseen,
): (Result | null)[] {
  const idOf = ids.split(',')
  const userIdOf = users.split(',')
  const isThere = written === null ? null : new Set(written.split(','))
  const eventIdOf = (events?.split(',') ?? []).values()
  return items.map(({ lookup, known: { course, courseKey }, index }, place) => {
    const enrollmentId = idOf[place] ?? NONE
    if (enrollmentId === NONE || isThere?.has(enrollmentId) === false) return null
    const username = lookup.username ?? usernames?.[place] ?? ''
    const learner = { userId: Number(userIdOf[place]), username }
    const eventId = eventIdOf.next().value ?? null
    return resultOf(plan, index, { kind: 'created', learner, course, courseKey, enrollmentId, eventId })
  })
}

/** In place of an id where nothing was written. */
const NONE = '0'

function factsFrom(
  { facts, known }: ForeseenAnswer,
  foreseen: readonly ForeseenItem[],
  policy: Policy,
): Map<number, ReadFacts> {
  const found = new Map<number, ReadFacts>()
  const courses = known === null ? null : new Set(known.split(','))
  const learners = new Set<string>()
  for (const row of facts ?? []) {
    const place = row[0] - 1
    const each = foreseen[place]
    if (each === undefined || courses?.has(String(each.known.course.id)) === false) continue
    const read = { ...factsOf(each.known, learnerOf(row)), ...enrollmentOf(row) }
    if (each.known.mindsRoles) {
      // Roles may matter for the second of two, when the first one has changed the enrollment.
      const pair = `${each.known.course.id} ${row[1]}`
      const { command, metadata } = each.item
      const isSure = isSameInAnyRole(command, read, each.known, policy, metadata.now)
      if (!isSure || learners.has(pair)) continue
      learners.add(pair)
    }
    found.set(place, read)
  }
  return found
}

function learnerOf([, id, userId, username, isActive, isStaff, isSuperuser]: ForeseenFacts): LearnerFacts | null {
  return id === null ? null : { id, userId, username, isActive, isStaff, isSuperuser, ...NO_ROLES }
}

function enrollmentOf(row: ForeseenFacts): Pick<ReadFacts, 'enrollment' | 'enrollmentId'> {
  const [, , , , , , , enrollmentId, version, mode, isActive, created, updated] = row
  if (enrollmentId === null) return { enrollment: null, enrollmentId }
  const instants = { created: instantFromPostgres(created), updated: instantFromPostgres(updated) }
  return { enrollment: { version, mode, isActive, ...instants }, enrollmentId }
}
