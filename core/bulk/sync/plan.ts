import { plainCommand, type EnrollmentCommand } from '../../enrollment/command.ts'
import { learnerOf } from '../../enrollment/item-command.ts'
import { pathOfListed, type Unlisted } from './rule.ts'
import type { BulkItem, BulkLine } from '../job.ts'
import type { UnlistedLearner } from './read.ts'

/** What a roster plans for a line, kept with it: `version` is the one of the enrollment that it was planned on; 0: there was none. */
export type RosterPlan =
  | { readonly is: 'listed'; readonly version: number; readonly path: 'enroll' | 'replace'; readonly userId?: string }
  | {
      readonly is: 'unlisted'
      readonly version: number
      readonly userId: string
      readonly enrollmentId: string
      readonly verdict: Unlisted
    }

/** The line of somebody who is active and not listed: of no line of the file. */
export function unlistedLine(learner: UnlistedLearner, courseId: string): BulkLine {
  const { username, enrollmentId, version, verdict } = learner
  const item = { username, courseId, isActive: verdict !== 'remove', reason: REASONS[verdict] }
  const plan: RosterPlan = { is: 'unlisted', version, userId: String(learner.userId), enrollmentId, verdict }
  return { line: 0, item, plan }
}

const REASONS: Record<Unlisted, string> = {
  remove: 'not on the roster',
  courseTeam: 'not on the roster, but of the course team',
  funded: 'not on the roster, but funded by somebody else',
}

/** What is planned for somebody who is listed, and whose enrollment this is. */
export function listedPlan(
  { mode }: BulkItem,
  stored: {
    readonly userId: number | undefined
    readonly enrollment: { readonly mode: string; readonly isActive: boolean; readonly version: number } | null
  },
): RosterPlan {
  const { enrollment, userId } = stored
  const plan = { is: 'listed', version: enrollment?.version ?? 0, path: pathOfListed(enrollment, mode) } as const
  return userId === undefined ? plan : { ...plan, userId: String(userId) }
}

/**
 * The command of a planned line: it is carried out only at the version that it was planned on. Somebody who stays is asked nothing of.
 *
 * @param reason of the job.
 */
export function rosterCommand(item: BulkItem, plan: RosterPlan, reason: string | null): EnrollmentCommand {
  const { courseId } = item
  if (plan.is === 'unlisted') {
    const command = { ...plainCommand, learner: { userId: plan.userId }, courseId, path: 'change' } as const
    if (plan.verdict !== 'remove') return command
    return { ...command, isActive: false, expectedVersion: plan.version, reason: reason ?? REASONS.remove }
  }
  return {
    ...plainCommand,
    learner: plan.userId === undefined ? learnerOf(item) : { userId: plan.userId },
    courseId,
    path: plan.path,
    mode: item.mode ?? null,
    isActive: true,
    force: item.force ?? false,
    attributes: item.attributes ?? null,
    enterpriseUuid: item.enterpriseUuid ?? null,
    expectedVersion: plan.version,
    reason: item.reason ?? reason,
  }
}
