import type { DeliveryState } from '../../core/webhook/webhook.ts'
import type { WorkerStep } from './loop.ts'

/** Who is told how the work in the background goes, e.g. to count it. It is quick, and never throws. */
export interface BackgroundObserver {
  /** A step has ended, well or not. */
  ran(step: string, milliseconds: number): void
  /** A step has failed; it is told beside {@link ran}. */
  failed(step: string): void
  /** A consumer of the feed has failed at something that it does again later. */
  consumerFailed(consumer: string): void
  /** An endpoint of webhooks was called, and its delivery has become what the state says. */
  readonly attempted: (webhookId: string, state: DeliveryState) => void
}

/** A step that tells an observer of each of its runs. */
export function observed(step: WorkerStep, observer: BackgroundObserver | undefined): WorkerStep {
  if (observer === undefined) return step
  return {
    ...step,
    async run(signal) {
      const began = performance.now()
      try {
        return await step.run(signal)
      } catch (error) {
        // A step that is cut off by the end of the server has not failed.
        if (!signal.aborted) tellFailure(step, observer)
        throw error
      } finally {
        observer.ran(step.name, performance.now() - began)
      }
    },
  }
}

function tellFailure({ name, consumer }: WorkerStep, observer: BackgroundObserver): void {
  observer.failed(name)
  if (consumer !== undefined) observer.consumerFailed(consumer)
}
