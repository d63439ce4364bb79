import { TRPCError } from '@trpc/server'
import { getHTTPStatusCodeFromError } from '@trpc/server/http'
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify'
import type { EnrollmentError } from '../core/errors.ts'
import type { InternalCallers } from './internal-caller.ts'
import { reasonOfCallError, type CountRefusal } from './metrics/refusals.ts'
import { errorEnvelope, refusalOf } from './trpc-errors.ts'
import { retryAfter } from './unavailable.ts'

/** Who may call the private listener, and what is counted there. */
export interface PrivateScopeOptions {
  readonly callers: InternalCallers
  readonly countRefusal: CountRefusal
}

/** Lets only callers with a token, or a session of the console, into a scope; what goes wrong there is told in the words of the typed API (rpc §1). */
export function admitCallers(app: FastifyInstance, { callers, countRefusal }: PrivateScopeOptions): void {
  // Before the body is read: a stranger costs neither memory nor time.
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store')
    const caller = await callers.of(request)
    if (caller === undefined) {
      throw new TRPCError({ code: 'UNAUTHORIZED', message: 'A token of INTERNAL_TOKENS is required.' })
    }
    request.setDecorator('caller', caller)
  })
  app.decorateRequest('caller', '')

  app.setErrorHandler<FastifyError | TRPCError | EnrollmentError>((error, request, reply) => {
    const cause = refusalOf(error)
    countCallError(cause, countRefusal)
    if (cause.code === 'INTERNAL_SERVER_ERROR') request.log.error({ err: error }, 'call failed')
    if (cause.code === 'UNAUTHORIZED') reply.header('www-authenticate', 'Bearer')
    if (cause.code === 'SERVICE_UNAVAILABLE') reply.header('retry-after', retryAfter(cause.cause ?? cause))
    return reply.code(getHTTPStatusCodeFromError(cause)).send(errorEnvelope(cause))
  })
}

/** The name of the caller of a request that was let in. */
export function callerOf(request: FastifyRequest): string {
  return request.getDecorator<string>('caller')
}

/** Counts a call that was refused. */
export function countCallError(error: TRPCError, countRefusal: CountRefusal): void {
  const reason = reasonOfCallError(error)
  if (reason !== null) countRefusal(reason)
}
