import { TRPCClientError } from '@trpc/client'
import type { AppRouter } from './router.ts'

/** A request that came to nothing: nobody was reached, or nobody answered in time. */
export class RequestFailed extends Error {
  override readonly name = 'RequestFailed'
  /** Whether any byte of it was written: if so, its fate is unknown. */
  readonly sent: boolean

  constructor(message: string, { sent, cause }: { readonly sent: boolean; readonly cause?: unknown }) {
    super(message, { cause })
    this.sent = sent
  }
}

/** What a call rejects with for whatever went wrong with its request (rpc §1). */
export function clientErrorOf(error: unknown, meta: Record<string, unknown>): TRPCClientError<AppRouter> {
  if (!(error instanceof RequestFailed)) return TRPCClientError.from(error as Error, { meta })
  const { message, sent } = error
  const data = { code: 'SERVICE_UNAVAILABLE', httpStatus: 503, reason: 'unavailable', details: { sent } }
  return TRPCClientError.from({ error: { code: SERVICE_UNAVAILABLE, message, data } } as never, { meta, cause: error })
}

/** The code of JSON-RPC that tRPC gives to errors of the server. */
const SERVICE_UNAVAILABLE = -32_603

/** What somebody between client and server answers when the server is away. */
const BAD_GATEWAYS = new Set([502, 503, 504])

/**
 * The JSON of an answer.
 *
 * @throws {RequestFailed} for the page of a proxy whose server is away; an error for anything else that is no JSON.
 */
export function parsedAnswer(status: number, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const message = `Somebody answered ${status} with what is no answer of the service`
    throw BAD_GATEWAYS.has(status) ? new RequestFailed(message, { sent: true, cause }) : new Error(message, { cause })
  }
}
