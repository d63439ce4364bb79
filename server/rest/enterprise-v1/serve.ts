import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { GiveUpSignal } from '../../../core/database/deadline.ts'
import { admitTo, type Admission, type AdmissionOptions } from '../admit.ts'
import type { Rights } from '../auth/rights.ts'
import { BODY_BOUNDS, type BodyBounds } from '../django/bounds.ts'
import { readBody, send } from '../django/framework.ts'
import { parseFields, type Fields } from '../django/form.ts'
import type { Json } from '../django/json.ts'
import { refuseUnstorable, refuseUnstorableBody } from '../django/storable.ts'
import { openRequestBounds } from '../request-bounds.ts'
import { allowedMethods, type View } from '../view.ts'

/** A request that has been let in, with its body. */
export interface EnterpriseRequest {
  readonly rights: Rights
  /** An empty object where nothing was sent. */
  readonly body: Json
  readonly query: Fields
  readonly requestId: string
  readonly log: FastifyBaseLogger
  /** Is aborted when the client has left. */
  readonly signal: GiveUpSignal
}

/** A route of the enterprise API: who may come in, and what each method does. */
export type EnterpriseView = Pick<View<EnterpriseRequest>, 'name' | 'permits' | 'methods' | 'readsBody'>

/** What ten thousand rows need (rest-v1 D19). */
const BULK_BOUNDS: BodyBounds = { ...BODY_BOUNDS, values: 200_000 }

/**
 * The hook that lets requests in to a view before their bodies are read (rest-v1 §2.1): whoever signs in by a token, also by
 * the cookies of a browser if the account is active.
 */
export function admission(
  viewOf: (request: FastifyRequest) => EnterpriseView,
  options: AdmissionOptions,
): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => {
    const view = viewOf(request)
    reply.header('allow', allowedMethods(view))
    const rules = { authenticates: true, session: 'active', throttling: 'switchable' } as const
    const bounds = openRequestBounds(options.authentication.db, reply)
    const admission = await bounds.run(() => admitTo({ ...view, ...rules }, request, reply, options))
    request.setDecorator('admission', { ...admission, signal: bounds.signal })
  }
}

/** Reads the body of a request that was let in, and answers it. */
export async function answerAdmitted(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { handler, rights, parseBody, signal } = request.getDecorator<LeavableAdmission>('admission')
  const body = await readBody(request, parseBody, BULK_BOUNDS)
  const query = parseFields(request.originalUrl.split('?').slice(1).join('?'))
  refuseUnstorable(query)
  refuseUnstorableBody(body)
  return send(reply, await handler({ rights, body, query, requestId: request.id, log: request.log, signal }))
}

interface LeavableAdmission extends Admission<EnterpriseRequest> {
  readonly signal: GiveUpSignal
}
