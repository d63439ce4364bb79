import type { Caller } from '../../routers/index.ts'
import type { Child } from '../child.ts'
import { table } from '../table.ts'
import type { WorkerAnswer, WorkerQuestion } from './worker.ts'

export interface Followed {
  readonly caller: Caller
  readonly worker: Child<WorkerQuestion, WorkerAnswer>
  readonly jobId: string
  readonly connectionString: string
  /** Starts another job, and answers the seconds until its end. */
  readonly tenLines: () => Promise<number>
}

/** Follows a job to its end, and tells what each tenth of its lines took, beginning with the time before the first one. */
export async function followTenths({ caller, worker, jobId, connectionString, tenLines }: Followed): Promise<void> {
  const rows = [['done', 'seconds', 'lines/s', 'worker µs', 'worker MB']]
  const small: Promise<string>[] = []
  const behind = async (what: string) => `ten lines behind it, ${what}: ${(await tenLines()).toFixed(2)} s`
  const phases = new Set<string>()
  let mostMemory = 0
  let last = { done: 0, at: performance.now(), used: await worker.ask({ connectionString }) }
  for await (const { data: job } of caller.bulk.watch({ jobId })) {
    const used = await worker.ask({ connectionString })
    mostMemory = Math.max(mostMemory, used.memory)
    const hasBegun = job.phase !== 'running' || job.done > 0
    if (job.endedAt === null && hasBegun && !phases.has(job.phase)) small.push(behind(job.phase))
    if (hasBegun) phases.add(job.phase)
    const isTenth = job.done - last.done >= (job.total ?? Infinity) / 10 || job.endedAt !== null
    if (!isTenth && (last.done > 0 || job.done === 0)) continue
    const at = performance.now()
    const [lines, seconds] = [job.done - last.done, (at - last.at) / 1000]
    const microseconds = (used.microseconds - last.used.microseconds) / lines
    rows.push([
      String(job.done),
      seconds.toFixed(1),
      (lines / seconds).toFixed(0),
      microseconds.toFixed(1),
      (used.memory / 2 ** 20).toFixed(0),
    ])
    last = { done: job.done, at, used }
    if (job.endedAt !== null) console.log(job.state, job.counts, job.lastError ?? '')
  }
  console.log(table(rows).trimEnd())
  for (const told of await Promise.all(small)) console.log(told)
  console.log(`most memory of the worker: ${(mostMemory / 2 ** 20).toFixed(0)} MB`)
}
