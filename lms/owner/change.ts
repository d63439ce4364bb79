import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { changeOwner, type OwnerChange } from '../../core/course/change-owner.ts'
import type { Owner } from '../../core/course/owner.ts'
import type { DB } from '../../core/database/schema.ts'
import { lastEventId, pairsChangedSince } from './changed-since.ts'
import { withoutDifferences, type Difference, type DifferencesOf } from './differences.ts'

export interface AgreedChangeOptions {
  /** Null: nothing is compared, for the day on which there is no LMS any more. */
  readonly differencesOf: DifferencesOf | null
  /** Milliseconds for which it is tried again; 0: not at all. */
  readonly waitMs: number
  /** Called before each pause. */
  readonly onWaiting?: (state: AgreedChange) => void
}

export interface AgreedChange {
  /** The course runs that have the other owner now. */
  readonly changed: readonly string[]
  /** What keeps the others from it. */
  readonly differences: readonly Difference[]
  /** What the LMS has changed between the comparison and the change: it is not here. */
  readonly late: readonly Difference[]
  /** Set where writes that have begun went on for too long. */
  readonly inUse: Extract<OwnerChange, { is: 'inUse' }> | null
}

/**
 * Gives course runs another owner as far as both sides agree (adoption.md §3, decision 0025). To the LMS the comparison is
 * repeated for a moment, so that what the mirror is about to send arrives; callers are refused during that time.
 *
 * @param keys stored keys, or all course runs.
 */
export async function changeAsAgreed(
  db: Kysely<DB>,
  keys: readonly string[] | 'all',
  to: Owner,
  options: AgreedChangeOptions,
): Promise<AgreedChange> {
  const until = performance.now() + options.waitMs
  const changed: string[] = []
  for (;;) {
    const attempt = await changeOnce(db, keys, to, options)
    changed.push(...attempt.changed)
    const state = { ...attempt, changed }
    const isDone = attempt.differences.length === 0 && attempt.inUse === null
    if (isDone || performance.now() >= until) return state
    options.onWaiting?.(state)
    await sleep(Math.min(PAUSE_MS, until - performance.now()))
  }
}

async function changeOnce(
  db: Kysely<DB>,
  keys: readonly string[] | 'all',
  to: Owner,
  { differencesOf, waitMs }: AgreedChangeOptions,
): Promise<AgreedChange> {
  if (differencesOf === null) return told(await changeOwner(db, keys, to), [], [])
  let differences: readonly Difference[] = []
  let event = '0'
  const agreeing = async (courseIds: readonly string[]) => {
    event = await lastEventId(db)
    const until = performance.now() + (to === 'lms' ? drainMs(waitMs) : 0)
    differences = await differencesOf(courseIds)
    while (differences.length > 0 && performance.now() < until) {
      await sleep(DRAIN_PAUSE_MS)
      differences = await differencesOf(courseIds)
    }
    return withoutDifferences(courseIds, differences)
  }
  const change = await changeOwner(db, keys, to, { agreeing })
  const changed = change.is === 'changed' ? change.courseIds : []
  const late = to === 'here' && changed.length > 0 ? await lateDifferences(db, changed, event, differencesOf) : []
  return told(change, differences, late)
}

/** Whoever waits lets callers be refused for longer at a time. */
function drainMs(waitMs: number): number {
  return waitMs > 0 ? 5_000 : 500
}

/** Looks once more: what differs without having been changed here since is what the LMS did at the last moment. */
async function lateDifferences(
  db: Kysely<DB>,
  courseIds: readonly string[],
  event: string,
  differencesOf: DifferencesOf,
): Promise<Difference[]> {
  const differences = await differencesOf(courseIds)
  if (differences.length === 0) return []
  const changedHere = await pairsChangedSince(db, event, differences)
  return differences.filter((_, index) => !changedHere[index])
}

function told(change: OwnerChange, differences: readonly Difference[], late: readonly Difference[]): AgreedChange {
  if (change.is === 'inUse') return { changed: [], differences: [], late, inUse: change }
  return { changed: change.courseIds, differences, late, inUse: null }
}

const PAUSE_MS = 1_000
const DRAIN_PAUSE_MS = 100
