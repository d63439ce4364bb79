import { bulk, failuresIn, hasEnded, type Job } from '../bulk.ts'
import { useAction, useLoad } from '../load.ts'
import { Problem } from '../parts/parts.tsx'
import { carryOut, openJob, planUndo, readPlan } from '../plan.ts'

/** What can be done with a job as it is now: cancel it, send its failed lines again, take it back; of a plan, start it. */
export function JobActions({ job }: { job: Job }) {
  return job.dryRun && hasEnded(job) ? <PlanActions job={job} /> : <OwnActions job={job} />
}

function PlanActions({ job: { jobId } }: { job: Job }) {
  const plan = useLoad(`plan ${jobId}`, () => readPlan(jobId))
  const { isBusy, error, act } = useAction()
  const { data } = plan
  return (
    <>
      <Problem error={error} isOfAction />
      <Problem error={plan.error} />
      {data === undefined || data === null ? null : (
        <button type="button" class="primary" disabled={isBusy} onClick={act(() => carryOut(data))}>
          {'undo' in data ? 'Undo it' : 'Start it'}
        </button>
      )}
    </>
  )
}

function OwnActions({ job }: { job: Job }) {
  const { isBusy, error, act } = useAction()
  const { jobId } = job
  return (
    <>
      <Problem error={error} isOfAction />
      {hasEnded(job) ? null : (
        <button type="button" disabled={isBusy} onClick={act(() => bulk.cancel.mutate({ jobId }))}>
          Cancel
        </button>
      )}
      {hasEnded(job) && failuresIn(job.counts) > 0 ? (
        <button type="button" disabled={isBusy} onClick={act(() => bulk.retryFailed.mutate({ jobId }).then(openJob))}>
          Retry failed
        </button>
      ) : null}
      {hasEnded(job) && job.done > failuresIn(job.counts) ? (
        <button type="button" disabled={isBusy} onClick={act(() => planUndo(jobId))}>
          Plan an undo
        </button>
      ) : null}
    </>
  )
}
