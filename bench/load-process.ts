import { startChild } from './child.ts'
import type { Job } from './http-load.ts'
import type { Measurement } from './load.ts'

/** A second process that puts load on servers of this one. */
export interface LoadProcess extends AsyncDisposable {
  /** Carries out one job; one at a time. */
  run(job: Job): Promise<Measurement>
}

/** Starts it. */
export function startLoadProcess(): LoadProcess {
  const child = startChild<Job, Measurement>(new URL('./http-load.ts', import.meta.url))
  return { run: (job) => child.ask(job), [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() }
}
