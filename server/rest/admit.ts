import type { FastifyReply, FastifyRequest } from 'fastify'
import { announcesBody } from '../unread-body.ts'
import { authenticate, authenticateKey, type Authentication } from './auth/authenticate.ts'
import { refuseInactiveBearer } from './auth/credentials.ts'
import { rightsOf, type Rights } from './auth/rights.ts'
import { clientAddresses } from './checks/client-address.ts'
import type { ThrottleCheck } from './checks/throttle.ts'
import { bodyParserFor, noBody, type BodyParser } from './django/body.ts'
import { takeContentType } from './django/framework.ts'
import { acceptsJson } from './django/media-type.ts'
import { detail, methodNotAllowed, NOT_AUTHENTICATED, NOT_PERMITTED, Refusal } from './django/response.ts'
import { handlerOf, type Handler, type View } from './view.ts'

/** What the checks before the body need. */
export interface AdmissionOptions {
  readonly authentication: Authentication
  readonly throttle: ThrottleCheck
}

/** A request that may go on to its handler. */
export interface Admission<R> {
  readonly handler: Handler<R>
  readonly rights: Rights
  readonly parseBody: BodyParser
}

/**
 * Everything that happens to a request to a view before its body is read, in the order of rest-v1 §2.1: method TRACE,
 * content negotiation, authentication, permission, throttle, method, type of the body.
 *
 * @throws {Refusal} by the first check that fires.
 */
export async function admitTo<R>(
  view: View<R>,
  request: FastifyRequest,
  reply: FastifyReply,
  { authentication, throttle }: AdmissionOptions,
): Promise<Admission<R>> {
  // What depends on who asks, refusals too, is kept by no cache.
  if (view.authenticates) reply.header('cache-control', 'no-store')
  const contentType = takeContentType(request)
  // The one method that is refused before credentials are looked at: its answer would repeat them (rest-v1 D23).
  if (request.method === 'TRACE') throw new Refusal(methodNotAllowed(request.method))
  if (!acceptsJson(request.headers.accept)) {
    throw new Refusal(detail(406, 'Could not satisfy the request Accept header.'))
  }
  const identity = view.authenticates
    ? await authenticate(request, authentication, view.session ?? 'anybody')
    : await authenticateKey(request, authentication)
  if (view.bearerMustBeActive) refuseInactiveBearer(request, identity.account)
  const rights = rightsOf(identity)
  if (!(await view.permits(rights))) throw new Refusal(rights.account === null ? NOT_AUTHENTICATED : NOT_PERMITTED)
  const { throttling = 'switchable' } = view
  await throttle({ rights, address: () => clientAddresses(request).at(-1) ?? null, throttling })
  const handler = handlerOf(view, request.method)
  if (handler === undefined) throw new Refusal(methodNotAllowed(request.method))
  return { handler, rights, parseBody: view.readsBody === false ? noBody : parserOf(request, contentType) }
}

/** By its head alone, so that a body of another type is never read (rest-v1 D20). */
function parserOf(request: FastifyRequest, contentType: string): BodyParser {
  const isRead = request.method !== 'GET' && request.method !== 'HEAD'
  return isRead && announcesBody(request.headers) ? bodyParserFor(contentType) : noBody
}
