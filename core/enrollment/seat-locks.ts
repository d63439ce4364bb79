import { CompiledQuery, type Transaction } from 'kysely'
import { arrayLiteral } from '../database/columns.ts'
import { isLockTimeout } from '../database/failure.ts'
import type { DB } from '../database/schema.ts'
import { sendTogether } from '../database/send-together.ts'
import type { EnrollmentCommand } from './command.ts'
import { factsQuery, type ReadFacts } from './facts.ts'
import type { KnownCourses } from './known-courses.ts'
import type { Plan } from './plan.ts'

/** What was read under the lock of seats. */
export interface ReadUnderLock {
  readonly facts: ReadFacts[]
  /** The ids of the course runs whose seats are locked. */
  readonly locked: ReadonlySet<number>
}

/**
 * Locks the seats of course runs and then reads the facts of commands, in one go where the transaction is our own: what is read is
 * what others had committed when the lock was there, so that no seat is ever oversold.
 *
 * @param courseKeys without branch and version; those of which there is no course run are left out.
 * @param known see `factsQuery`.
 * @throws {SeatsHeld} where somebody holds the seats of the only one for too long.
 */
export async function lockSeatsAndRead(
  trx: Transaction<DB>,
  courseKeys: readonly string[],
  commands: readonly EnrollmentCommand[],
  known: KnownCourses | null,
): Promise<ReadUnderLock> {
  const { statement, factsFrom } = factsQuery(commands, known)
  try {
    const [{ rows: courses }, { rows }] = await sendTogether(trx, [seatLock(courseKeys), statement])
    return { facts: factsFrom(rows), locked: new Set(courses.map(({ id }) => id)) }
  } catch (error) {
    const [key = ''] = courseKeys
    throw isLockTimeout(error) && courseKeys.length === 1 ? new SeatsHeld(key, { cause: error }) : error
  }
}

/** Locks the seats of course runs alone. */
export async function lockSeats(trx: Transaction<DB>, courseKeys: readonly string[]): Promise<void> {
  await trx.executeQuery(seatLock(courseKeys))
}

/**
 * Locks in a fixed order. The write makes a transaction that runs on an older snapshot (REPEATABLE READ, SERIALIZABLE) fail instead
 * of counting seats that were taken since.
 */
function seatLock(courseKeys: readonly string[]): CompiledQuery<{ id: number }> {
  return CompiledQuery.raw(LOCK_SEATS, [arrayLiteral(courseKeys)])
}

const LOCK_SEATS = `/* enrollment.lockSeats */ with seat as materialized (
  select id from courses where course_key = any ((select $1::text[])::text[]) order by id for no key update
) update courses c set seat_lock = (c.seat_lock + 1) % 1000000 from seat where c.id = seat.id returning c.id`

/** Somebody holds the seats of a course run for longer than a statement may wait. */
export class SeatsHeld extends Error {
  override readonly name = 'SeatsHeld'
  /** That of PostgreSQL: `lock_not_available`. */
  readonly code = '55P03'
  /** Of the course run. */
  readonly courseKey: string

  constructor(courseKey: string, options: { cause: unknown }) {
    super(`Somebody holds the seats of ${courseKey}`, options)
    this.courseKey = courseKey
  }
}

export function isSeatsHeld(error: unknown): error is SeatsHeld {
  return error instanceof SeatsHeld
}

/** The course runs with a limit in which the plan writes: their keys, by their ids. */
export function cappedCourses(plan: Plan, facts: readonly ReadFacts[]): Map<number, string> {
  const keys = new Map<number, string>()
  for (const [index, pair] of plan.pairOf.entries()) {
    const course = facts[index]?.course
    if (course && course.maxEnrollments !== null && pair && pair.steps.length > 0) keys.set(course.id, course.courseId)
  }
  return keys
}
