import { enrollLearners } from '../../../../enterprise/enroll-learners.ts'
import { endEnrollments } from '../../../../enterprise/fulfilments/end-enrollments.ts'
import { refusal, type Refusal } from '../../../../enterprise/refusal.ts'
import { isUnavailable } from '../../../unavailable.ts'
import { contextOf } from '../api.ts'
import { repeatPassing } from '../repeat.ts'
import { needCohort } from './cohorts.ts'
import { NOBODY } from './items.ts'
import type { ListContext, NamedItem } from './named-item.ts'

/** Milliseconds after which nothing more is begun; a proxy gives up after sixty seconds. */
const LIMIT_MS = 45_000

/** Milliseconds for which failures that pass are repeated. */
const REPEAT_MS = 10_000

const SUCCESS = { detail: 'success' }
const BUSY = { detail: refusal('busy', {}).message }
const NO_COHORTS = { detail: 'Auto-cohorting is not enabled for this enterprise' }

/**
 * Runs items as if one after another; of those that concern different learners or course runs the ends come first, so
 * that their seats are free.
 *
 * @returns the answer to each item, by its place. What could not be begun in time is told as worth repeating.
 * @throws {EnrollmentError} `unavailable` where nothing was done.
 */
export async function runItems(
  context: ListContext,
  items: readonly NamedItem[],
): Promise<ReadonlyMap<number, object>> {
  const answers = new Map<number, object>()
  const end = performance.now() + LIMIT_MS
  try {
    for (const wave of wavesOf(items)) {
      if (performance.now() >= end) break
      await runWave(context, wave, answers)
    }
  } catch (error) {
    if (answers.size === 0 || !(error instanceof Error && isUnavailable(error))) throw error
  }
  for (const { index } of items) if (!answers.has(index)) answers.set(index, BUSY)
  return answers
}

/** The longest runs of items in which no learner and course run come twice. */
function wavesOf(items: readonly NamedItem[]): NamedItem[][] {
  const waves: NamedItem[][] = []
  let seen = new Set<string>()
  for (const item of items) {
    const pair = `${item.learner.key} ${item.courseKey}`
    if (waves.length === 0 || seen.has(pair)) {
      waves.push([])
      seen = new Set()
    }
    seen.add(pair)
    waves.at(-1)?.push(item)
  }
  return waves
}

/** @param answers those so far; those of the wave are added as they come. */
async function runWave(context: ListContext, wave: readonly NamedItem[], answers: Map<number, object>): Promise<void> {
  const cohorted = context.hasCohorts ? new Set<NamedItem>() : await needCohort(context, wave)
  for (const { index } of cohorted) answers.set(index, NO_COHORTS)
  let left = wave.filter((item) => !cohorted.has(item))
  const attempt = async () => {
    const passing: NamedItem[] = []
    for (const run of [endAll, enrollAll]) {
      for (const { named, refused } of await run(context, left)) {
        answers.set(named.index, refused === null ? SUCCESS : answerTo(refused))
        if (refused?.retryable) passing.push(named)
      }
    }
    left = passing
  }
  await repeatPassing(attempt, REPEAT_MS, () => left.length > 0)
}

interface RanItem {
  readonly named: NamedItem
  readonly refused: (Pick<Refusal, 'code' | 'message'> & { readonly retryable: boolean }) | null
}

async function endAll({ api, customer, request }: ListContext, items: readonly NamedItem[]): Promise<RanItem[]> {
  const ending = items.filter(({ item }) => !item.isActive)
  if (ending.length === 0) return []
  const rows = ending.map(({ learner, courseKey }) => ({ ...learner.name, courseId: courseKey }))
  const answer = await endEnrollments(contextOf(api, request), { customer, rows })
  return ending.map((named, index) => ({ named, refused: answer.rows[index]?.refusal ?? null }))
}

async function enrollAll(
  { api, customer, hasCohorts, request }: ListContext,
  items: readonly NamedItem[],
): Promise<RanItem[]> {
  const enrolling = items.filter(({ item }) => item.isActive)
  if (enrolling.length === 0) return []
  const rows = enrolling.map(({ item, learner, courseKey }) => ({
    ...learner.name,
    courseId: courseKey,
    mode: item.mode,
    ...(hasCohorts && item.cohort !== undefined && { cohort: item.cohort }),
    notify: item.isTold,
    source: 'api' as const,
    whenEnrolled: 'upgrade' as const,
  }))
  const { signal } = request
  const answer = await enrollLearners(contextOf(api, request), { customer, rows, userIdsOf: 'linked' }, { signal })
  return enrolling.map((named, index) => {
    const row = answer.rows[index]
    return { named, refused: row === undefined || row.ok ? null : row }
  })
}

/** Who was linked a moment ago and is not any more is nobody. */
function answerTo({ code, message }: Pick<Refusal, 'code' | 'message'>): object {
  return code === 'learnerNotFound' ? NOBODY : { detail: message }
}
