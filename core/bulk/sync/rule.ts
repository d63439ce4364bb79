import type { SyncLimits } from '../job.ts'

// What a roster makes of the learners of a course run (bulk.md §3). Pure.

/**
 * How somebody who is listed is enrolled: an active enrollment in another mode gets that of the list (`replace`); one that is to be
 * added or added again passes all rules, and an active one without a listed mode is left as it is (`enroll`).
 */
export function pathOfListed(
  enrollment: { readonly mode: string; readonly isActive: boolean } | null,
  mode: string | undefined,
): 'enroll' | 'replace' {
  const changesMode = enrollment?.isActive === true && mode !== undefined && mode !== enrollment.mode
  return changesMode ? 'replace' : 'enroll'
}

/** What becomes of somebody who is active and not listed; otherwise why they stay. */
export type Unlisted = 'remove' | 'courseTeam' | 'funded'

export function decideUnlisted(
  { isCourseTeam, isFunded }: { readonly isCourseTeam: boolean; readonly isFunded: boolean },
  { removesFunded }: { readonly removesFunded: boolean },
): Unlisted {
  if (isCourseTeam) return 'courseTeam'
  return isFunded && !removesFunded ? 'funded' : 'remove'
}

/**
 * How many learners a roster may remove from a course run: a share is rounded down. Without a limit it is a tenth, and of a small
 * course run five.
 *
 * @param active how many are active in the course run.
 */
export function removalLimit({ maxRemovals }: SyncLimits, active: number): number {
  if (maxRemovals === undefined) return Math.max(5, Math.floor(active / 10))
  if (typeof maxRemovals === 'number') return maxRemovals
  return Math.floor((active * Number.parseInt(maxRemovals, 10)) / 100)
}
