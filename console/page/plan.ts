import { api, type Outputs } from './api.ts'
import { bulk, type StartInput } from './bulk.ts'
import { goTo, hrefOf } from './location.ts'

/** What a dry run is the plan of, as the server has it. */
export type Plan = NonNullable<Outputs['console']['plan']>

export function readPlan(jobId: string): Promise<Plan | null> {
  return api.console.plan.query({ jobId })
}

/** Starts a dry run, and opens it. */
export async function makePlan(start: StartInput): Promise<void> {
  openJob(await bulk.start.mutate({ ...start, dryRun: true }))
}

/** Starts a dry run of what would take a job back, and opens it. */
export async function planUndo(jobId: string): Promise<void> {
  openJob(await bulk.undo.mutate({ jobId, dryRun: true }))
}

/** Starts what was planned, and opens it. */
export async function carryOut(plan: Plan): Promise<void> {
  openJob('undo' in plan ? await bulk.undo.mutate(plan.undo) : await bulk.start.mutate(plan.start))
}

export function openJob({ jobId }: { readonly jobId: string }): void {
  goTo(hrefOf('jobs', jobId))
}
