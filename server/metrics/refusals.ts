import { Counter, type Registry } from '@prometheus-io/client'
import type { TRPCError } from '@trpc/server'
import type { FastifyRequest } from 'fastify'
import { refusedFor, unavailabilityOf, type Unavailability } from '../unavailable.ts'

/** Why a request or a call was refused before anybody looked at what it asks for. */
export type RefusalReason =
  | 'unauthenticated'
  | 'forbidden'
  | 'rate_limited'
  | 'too_large'
  | 'malformed'
  | 'too_slow'
  | Unavailability

/** Counts a refusal. */
export type CountRefusal = (reason: RefusalReason) => void

const REASONS: Readonly<Record<RefusalReason, true>> = {
  unauthenticated: true,
  forbidden: true,
  rate_limited: true,
  too_large: true,
  malformed: true,
  too_slow: true,
  overload: true,
  deadline: true,
  unavailable: true,
}

/** Makes the metric of refusals; each reason is there from the start, so that a first one is seen as a change. */
export function refusalMetrics(registry: Registry): CountRefusal {
  const refusals = new Counter({
    name: 'enrollment_refusals_total',
    help: 'Requests and calls that were refused for something else than what they ask for',
    labelNames: ['reason'],
    registers: [registry],
  })
  for (const reason of Object.keys(REASONS)) refusals.inc({ reason }, 0)
  return (reason) => refusals.inc({ reason })
}

/**
 * Why a request was refused; null: it was not, or it is counted elsewhere: calls of the typed API one by one, as several may
 * come in one request.
 */
export function reasonOf(request: FastifyRequest, route: string, status: number): RefusalReason | null {
  if (status < 400 || route.startsWith('/trpc') || route === '/readyz') return null
  if (status === 503) return refusedFor(request)
  return byStatus.get(status) ?? null
}

const byStatus: ReadonlyMap<number, RefusalReason> = new Map([
  [401, 'unauthenticated'],
  [403, 'forbidden'],
  [413, 'too_large'],
  [429, 'rate_limited'],
])

/** Why a call of the typed API was refused; null: for what it asks, or not at all. */
export function reasonOfCallError({ code, cause }: TRPCError): RefusalReason | null {
  if (code === 'SERVICE_UNAVAILABLE') return cause === undefined ? 'unavailable' : unavailabilityOf(cause)
  return byCode.get(code) ?? null
}

const byCode: ReadonlyMap<TRPCError['code'], RefusalReason> = new Map([
  ['UNAUTHORIZED', 'unauthenticated'],
  ['PAYLOAD_TOO_LARGE', 'too_large'],
])

/** Why what never became a request was refused, by the status of the answer. */
export function reasonOfClientError(status: number): RefusalReason {
  if (status === 431) return 'too_large'
  return status === 408 ? 'too_slow' : 'malformed'
}
