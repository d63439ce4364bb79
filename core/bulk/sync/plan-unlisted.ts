import { EnrollmentError, failure } from '../../errors.ts'
import type { BulkLine, SyncLimits } from '../job.ts'
import type { SourcePage } from '../source.ts'
import { unlistedLine } from './plan.ts'
import { readActive, readUnlisted, type RosterRun, type UnlistedLearner } from './read.ts'
import type { Roster } from './roster.ts'
import { removalLimit, type Unlisted } from './rule.ts'

/**
 * Plans what becomes of those who are active in a course run and not listed.
 *
 * @throws {EnrollmentError} `tooManyRemovals`, unless it is a dry run.
 */
export async function* planUnlisted(roster: Roster, run: RosterRun): AsyncGenerator<SourcePage> {
  const { db, job, policy, listed, faulty } = roster
  const verdicts: Record<Unlisted, number> = { remove: 0, courseTeam: 0, funded: 0 }
  let active = 0
  for await (const page of readActive(db, run.id)) {
    active += page.length
    const absent = page.filter(
      ({ learnerId }) => !faulty.has(learnerId) && listed.linesOf({ courseId: run.id, learnerId }) === null,
    )
    const options = { policy, removesFunded: job.removes_funded }
    const unlisted = await readUnlisted(
      db,
      absent.map(({ id }) => id),
      options,
    )
    for (const learner of unlisted) {
      verdicts[learner.verdict] += 1
      if (learner.verdict === 'remove' && run.isOwnedHere) noteRemoval(roster, run, learner)
    }
    yield { lines: unlisted.map((learner) => lineOf(learner, run)) }
  }
  if (run.isOwnedHere) checkLimit(roster, { courseId: run.courseId, removals: verdicts.remove, active })
  const { courseTeam, funded } = verdicts
  if (courseTeam + funded === 0) return
  roster.warnings.push(
    `${run.courseId}: ${courseTeam + funded} who are not listed stay: ${courseTeam} of the course team, ${funded} funded by somebody else.`,
  )
}

function lineOf(learner: UnlistedLearner, { courseId, isOwnedHere }: RosterRun): BulkLine {
  const line = unlistedLine(learner, courseId)
  return isOwnedHere || learner.verdict !== 'remove' ? line : { ...line, error: failure('ownedByLms', { courseId }) }
}

function noteRemoval({ fingerprint, freed }: Roster, { id, courseId }: RosterRun, learner: UnlistedLearner): void {
  const { userId, mode, takesNoSeat } = learner
  const before = { mode, isActive: true }
  fingerprint.add({ userId, courseId, kind: 'deactivated', before, after: { mode, isActive: false } })
  if (!takesNoSeat) freed.set(id, (freed.get(id) ?? 0) + 1)
}

/** A dry run tells what it would be; the limit keeps it from being done. */
function checkLimit({ job, warnings }: Roster, numbers: { courseId: string; removals: number; active: number }): void {
  const { removals, active } = numbers
  const limit = removalLimit((job.limits ?? {}) as SyncLimits, active) // As the input was.
  if (removals <= limit) return
  const refusal = failure('tooManyRemovals', { ...numbers, limit })
  if (!job.is_dry_run) throw new EnrollmentError(refusal)
  warnings.push(refusal.message)
}
