import type { FastifyReply, FastifyRequest } from 'fastify'
import { EnrollmentError, failure } from '../core/errors.ts'

/** Shorter bodies are always read: the number of calls bounds what they take. */
const SHORT_BODY = 65_536

interface Waiting {
  readonly size: number
  readonly begin: () => void
}

/**
 * Makes a hook that bounds the bodies that a listener works with at a time, by their bytes: what is made of a byte takes many in
 * memory. Further requests wait before their bodies are read, in the order in which they came.
 *
 * @param maxBytes of all bodies together; one alone may have more.
 * @param bodyLimit that of a body which does not say how long it is.
 * @param maxWaitMs after which a request that waits is refused.
 * @throws {EnrollmentError} `unavailable`
 */
export function boundBodiesInWork({ maxBytes, bodyLimit, maxWaitMs }: BodiesInWorkOptions) {
  const waiting = new Set<Waiting>()
  let bytes = 0
  const hasRoom = (size: number) => bytes === 0 || bytes + size <= maxBytes
  const admitNext = () => {
    for (const next of waiting) {
      if (!hasRoom(next.size)) return
      waiting.delete(next)
      bytes += next.size
      next.begin()
    }
  }

  return async ({ raw }: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const size = announcedSize(raw.headers, bodyLimit)
    if (size <= SHORT_BODY) return
    if (waiting.size === 0 && hasRoom(size)) bytes += size
    else await turnOf(size, reply)
    const end = () => {
      bytes -= size
      admitNext()
    }
    if (reply.raw.closed) end()
    else reply.raw.once('close', end)
  }

  function turnOf(size: number, reply: FastifyReply): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const refuse = () => {
      waiting.delete(entry)
      reject(new EnrollmentError(failure('unavailable', { retryAfterMs: maxWaitMs })))
      admitNext()
    }
    const timer = setTimeout(refuse, maxWaitMs)
    reply.raw.once('close', refuse)
    const entry: Waiting = {
      size,
      begin: () => {
        clearTimeout(timer)
        reply.raw.off('close', refuse)
        resolve()
      },
    }
    waiting.add(entry)
    return promise.finally(() => clearTimeout(timer))
  }
}

export interface BodiesInWorkOptions {
  readonly maxBytes: number
  readonly bodyLimit: number
  readonly maxWaitMs: number
}

function announcedSize({ 'content-length': length, 'transfer-encoding': coding }: NodeHeaders, limit: number): number {
  return coding === undefined ? Math.min(Number(length ?? 0), limit) : limit
}

type NodeHeaders = FastifyRequest['raw']['headers']
