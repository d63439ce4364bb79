import type { Kysely } from 'kysely'
import { workAroundHeld } from '../database/around-held.ts'
import type { DB } from '../database/schema.ts'
import type { Policy } from '../policy.ts'
import { enrollArrivalsOf } from './enroll-arrivals-of.ts'

export interface ArrivalOptions {
  readonly policy: Policy
  readonly now: Date
  /** The most accounts of one transaction; 100 unless given. */
  readonly limit?: number
}

/**
 * Enrolls accounts that have arrived in what they are to be enrolled in by themselves (rest-v1 D18): in the default mode,
 * whatever window and seats say, in their own name, with the reason and the actor of the manual enrollment that promised it.
 * An allowance is acted on once, whether it enrolls, finds an enrollment or is refused; in a course run that the LMS owns, once
 * it is owned here.
 *
 * Any number of processes may do it. The arrival, the enrollments, their events and their audit go in one transaction, so
 * nothing is lost or done twice when one of them dies. An arrival that needs a row which somebody holds is left for later, and
 * keeps no other one waiting.
 *
 * @param db a pool.
 * @returns how many arrivals were looked at; zero: there is nothing to do now.
 * @throws {EnrollmentError} `unavailable`: what was not done is done later
 */
export async function enrollArrivals(db: Kysely<DB>, { limit = 100, ...options }: ArrivalOptions): Promise<number> {
  let enrolled = 0
  for (let after = '0'; ;) {
    const ids = await nextArrivals(db, after, limit)
    const last = ids.at(-1)
    if (last === undefined) return enrolled
    const { done, held } = await workAroundHeld(db, ids, (trx, part) => enrollArrivalsOf(trx, part, options))
    const count = done.reduce((sum, part) => sum + part, 0)
    enrolled += count
    if (count > 0 && held.length === 0) return enrolled
    after = last // Another process is at these, or waits for what somebody holds.
  }
}

async function nextArrivals(db: Kysely<DB>, after: string, limit: number): Promise<string[]> {
  const arrivals = await db
    .selectFrom('auto_enrollment_arrivals')
    .select('id')
    .where('id', '>', after)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('courses as c')
            .select('c.id')
            .whereRef('c.course_key', '=', 'auto_enrollment_arrivals.course_key')
            .where('c.owner', '<>', 'here'),
        ),
      ),
    )
    .orderBy('id')
    .limit(limit)
    .execute()
  return arrivals.map(({ id }) => id)
}
