import { getTRPCErrorFromUnknown, getTRPCErrorShape, TRPCError, type TRPC_ERROR_CODE_KEY } from '@trpc/server'
import type { FastifyError } from 'fastify'
import { EnrollmentError } from '../core/errors.ts'
import { toTRPCError } from '../routers/errors.ts'
import { appRouter } from '../routers/index.ts'

/** An error in the words of tRPC, for what never became a call, or is no answer of tRPC's own. */
export function errorEnvelope(error: TRPCError, path?: string) {
  const nothing = { type: 'unknown', path, input: undefined, ctx: undefined } as const
  return { error: getTRPCErrorShape({ config: appRouter._def._config, error, ...nothing }) }
}

/** Turns what is refused before there is a call into an error of tRPC. */
export function refusalOf(error: FastifyError | TRPCError | EnrollmentError): TRPCError {
  if (error instanceof TRPCError) return error
  if (error instanceof EnrollmentError) return toTRPCError(getTRPCErrorFromUnknown(error))
  const status = error.statusCode ?? 500
  const code = codes[status] ?? (status < 500 ? 'BAD_REQUEST' : 'INTERNAL_SERVER_ERROR')
  if (code === 'INTERNAL_SERVER_ERROR') return new TRPCError({ code, message: 'Internal server error' })
  return new TRPCError({ code, message: error.message })
}

const codes: Record<number, TRPC_ERROR_CODE_KEY> = {
  408: 'TIMEOUT',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  503: 'SERVICE_UNAVAILABLE',
}
