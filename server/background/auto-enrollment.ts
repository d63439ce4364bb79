import type { Kysely } from 'kysely'
import { SWEEP_START, sweepAllowances } from '../../core/auto-enrollment/arrivals.ts'
import { enrollArrivals } from '../../core/auto-enrollment/enroll-arrivals.ts'
import type { DB } from '../../core/database/schema.ts'
import type { Policy } from '../../core/policy.ts'
import type { WorkerStep } from './loop.ts'

/** How many allowances one look compares with the accounts: a few milliseconds of the database. */
const SWEEP_LIMIT = 1_000

/** Enrolls accounts that have arrived in what their allowances promise (rest-v1 D18). */
export function autoEnrollment(db: Kysely<DB>, policy: Policy): WorkerStep {
  let after = SWEEP_START
  return {
    name: 'enrolling whom allowances enroll by themselves',
    async run() {
      if ((await enrollArrivals(db, { policy, now: new Date() })) > 0) return true
      const sweep = await sweepAllowances(db, { after, limit: SWEEP_LIMIT })
      after = sweep.after
      return sweep.found > 0
    },
  }
}
