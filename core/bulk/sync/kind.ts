import { withCohorts } from '../cohorts.ts'
import { enrollGuarded } from '../guarded.ts'
import type { BulkLine, LineOutcome } from '../job.ts'
import type { ChunkContext, JobKind, PlanSource } from '../source.ts'
import type { Transaction } from 'kysely'
import type { DB } from '../../database/schema.ts'
import { rosterCommand, type RosterPlan } from './plan.ts'
import { readUnlisted } from './read.ts'
import { rosterSource } from './source.ts'

/**
 * Jobs that make course runs have the learners of a list, and no others (bulk.md §3). The plan is made when its source is read; each
 * of its lines is carried out only at the version that it was planned on.
 *
 * @param listed the lines of the list, the same each time that they are read.
 */
export function rosterKind(listed: PlanSource): JobKind {
  return { source: rosterSource(listed), carryOut: applyRoster }
}

/**
 * Carries out planned lines of a roster. Who teaches the course run by now, or is paid for by now, is not removed any more; who is
 * listed with a cohort is put into it.
 */
export function applyRoster(
  trx: Transaction<DB>,
  lines: readonly BulkLine[],
  context: ChunkContext,
): Promise<LineOutcome[]> {
  return withCohorts(trx, lines, (possible) => applyPlans(trx, possible, context))
}

async function applyPlans(
  trx: Transaction<DB>,
  lines: readonly BulkLine[],
  { job, metadata, policy }: ChunkContext,
): Promise<LineOutcome[]> {
  const plans = lines.map(({ plan }) => plan as RosterPlan) // As it was written when the list was read.
  const removed = plans.flatMap((plan) =>
    plan.is === 'unlisted' && plan.verdict === 'remove' ? [plan.enrollmentId] : [],
  )
  const unlisted = await readUnlisted(trx, removed, { policy, removesFunded: job.removes_funded })
  const verdicts = new Map(unlisted.map(({ enrollmentId, verdict }) => [enrollmentId, verdict]))
  const items = lines.flatMap(({ item }, index) => {
    const plan = plans[index]
    if (item === null || plan === undefined) throw new RangeError('A line without an error has an item')
    const verdict = plan.is === 'unlisted' ? verdicts.get(plan.enrollmentId) : undefined
    const now = plan.is === 'unlisted' && verdict !== undefined ? { ...plan, verdict } : plan
    return [{ command: rosterCommand(item, now, job.reason), metadata }]
  })
  return enrollGuarded(trx, items, { policy })
}
