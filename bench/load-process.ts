import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Job } from './http-load.ts'
import type { Measurement } from './load.ts'

/** A second process that puts load on servers of this one. */
export interface LoadProcess extends Disposable {
  /** Carries out one job; one at a time. */
  run(job: Job): Promise<Measurement>
}

/** Starts it. */
export function startLoadProcess(): LoadProcess {
  const child = fork(new URL('./http-load.ts', import.meta.url))
  return {
    run: async (job) => {
      child.send(job)
      // The only kind of message that the process sends.
      const [answer] = (await once(child, 'message')) as [{ measurement?: Measurement; error?: string }]
      if (answer.measurement === undefined) throw new Error(answer.error ?? 'The load process gave no answer')
      return answer.measurement
    },
    [Symbol.dispose]: () => void child.kill(),
  }
}
