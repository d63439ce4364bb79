import { EnrollmentError, failure } from '../../errors.ts'
import type { JobRow } from '../row.ts'
import type { PlanSource } from '../source.ts'
import { collect } from './collect.ts'
import { createFingerprint } from './fingerprint.ts'
import { createListed } from './listed.ts'
import { planListed } from './plan-listed.ts'
import { planUnlisted } from './plan-unlisted.ts'
import type { RosterRun } from './read.ts'
import type { Roster } from './roster.ts'

/**
 * The plan of a roster (bulk.md §3): first who leaves, so that their seats are free, then who is listed. The list is read twice:
 * who leaves is known only when all of it is known. Of each line 16 bytes are kept.
 *
 * @throws {EnrollmentError} `tooManyRemovals`, `planChanged`, unless it is a dry run; `courseNotFound` for a course run that the job
 * names.
 */
export function rosterSource(listed: PlanSource): PlanSource {
  return {
    isStable: false,
    async *read(db, job, signal, policy) {
      const pages = () => listed.read(db, job, signal, policy)
      const roster: Roster = {
        db,
        job,
        policy,
        listed: createListed(),
        runs: new Map(),
        faulty: new Set(),
        fingerprint: createFingerprint(),
        freed: new Map(),
        warnings: [],
      }
      yield* collect(roster, pages())
      for (const run of runsInOrder(roster)) yield* planUnlisted(roster, run)
      for await (const { lines } of pages()) yield { lines: await planListed(roster, lines) }
      const planFingerprint = roster.fingerprint.text()
      checkFingerprint(job, planFingerprint)
      yield { lines: [], planFingerprint, warnings: roster.warnings }
    },
  }
}

/** A course run may be named by several keys. */
function runsInOrder({ runs }: Roster): RosterRun[] {
  const byId = new Map([...runs.values()].map((run) => [run.id, run]))
  return [...byId.values()].toSorted((a, b) => (a.courseId < b.courseId ? -1 : 1))
}

function checkFingerprint({ expected_fingerprint: expected, is_dry_run: isDryRun }: JobRow, actual: string): void {
  if (expected === null || expected === actual || isDryRun) return
  throw new EnrollmentError(failure('planChanged', { expected, actual }))
}
