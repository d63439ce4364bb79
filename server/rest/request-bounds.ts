import type { FastifyReply } from 'fastify'
import type { Kysely } from 'kysely'
import { boundsOf, withinBounds, type Cancellation, type GiveUpSignal } from '../../core/database/deadline.ts'
import type { DB } from '../../core/database/schema.ts'
import { EnrollmentError, failure } from '../../core/errors.ts'

/** The bounds of one request (run §2). The time in which its body arrives does not count. */
export interface RequestBounds {
  /** Is aborted when nobody waits for the answer any more. */
  readonly signal: GiveUpSignal
  /**
   * Does a part of the work of the request. All parts together have the time of a call on the pool.
   *
   * @throws {EnrollmentError} `unavailable` at the deadline, and at once under too many calls.
   */
  run<T>(work: (cancellation: Cancellation) => Promise<T>): Promise<T>
}

/** A part that took less leaves the whole time to the next one. */
const NOTICEABLE_MS = 500

/** Bounds a request that works with a pool. A client that leaves gives its request up. */
export function openRequestBounds(db: Kysely<DB>, { raw }: FastifyReply): RequestBounds {
  const signal = openSignal()
  // Nobody reads this answer.
  const giveUp = () => signal.abort(new EnrollmentError(failure('unavailable', {})))
  raw.once('close', () => {
    if (!raw.writableFinished) giveUp()
  })
  let spentMs = 0
  return {
    signal,
    async run(work) {
      const began = performance.now()
      const left = boundsOf(db).deadlineMs - spentMs
      const timer = spentMs < NOTICEABLE_MS ? undefined : setTimeout(giveUp, Math.max(left, 0))
      try {
        return await withinBounds(db, signal, work)
      } finally {
        clearTimeout(timer)
        spentMs += performance.now() - began
      }
    },
  }
}

/** An `AbortController` for each request would keep the garbage collector busier than all the rest of the request. */
function openSignal(): GiveUpSignal & { abort(reason: Error): void } {
  let listeners: (() => void)[] = []
  const signal = {
    aborted: false,
    reason: undefined as Error | undefined,
    addEventListener: (_type: 'abort', listener: () => void) => void listeners.push(listener),
    removeEventListener(_type: 'abort', listener: () => void) {
      listeners = listeners.filter((other) => other !== listener)
    },
    abort(reason: Error) {
      if (signal.aborted) return
      Object.assign(signal, { aborted: true, reason })
      for (const listener of listeners) listener()
    },
  }
  return signal
}
