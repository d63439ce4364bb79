import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { Authentication } from '../auth/authenticate.ts'
import type { Rights } from '../auth/rights.ts'
import { readBody, send, takeContentType } from '../django/framework.ts'
import type { Json } from '../django/json.ts'
import { refuseUnstorableBody } from '../django/storable.ts'
import { allowedMethods, type Handler, type View } from '../django/view.ts'
import { admitTo } from '../enrollment-v1/admit.ts'

/** A request that has been let in, with its body. */
export interface EnterpriseRequest {
  readonly rights: Rights
  /** An empty object where nothing was sent. */
  readonly body: Json
  readonly requestId: string
  readonly log: FastifyBaseLogger
}

/** A route of the enterprise API: who may come in, and what each method does. */
export type EnterpriseView = Pick<View<EnterpriseRequest>, 'name' | 'permits' | 'methods'>

interface Admission {
  readonly contentType: string
  readonly rights: Rights
  readonly handler: Handler<EnterpriseRequest>
}

/**
 * The hook that lets requests in to a view before their bodies are read (rest-v1 §2.1): whoever signs in by a token, also by
 * the cookies of a browser if the account is active. No rate is limited.
 */
export function admission(
  viewOf: (request: FastifyRequest) => EnterpriseView,
  authentication: Authentication,
): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const gates = { authentication, throttle: async () => {} }
  return async (request, reply) => {
    const contentType = takeContentType(request)
    const view = viewOf(request)
    reply.header('allow', allowedMethods(view))
    const rules = { authenticates: true, session: 'active', throttling: 'never' } as const
    const admitted: Admission = { contentType, ...(await admitTo({ ...view, ...rules }, request, gates)) }
    request.setDecorator('admission', admitted)
  }
}

/** Reads the body of a request that was let in, and answers it. */
export async function answerAdmitted(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { handler, rights, contentType } = request.getDecorator<Admission>('admission')
  const body = await readBody(request, contentType)
  refuseUnstorableBody(body)
  return send(reply, await handler({ rights, body, requestId: request.id, log: request.log }))
}
