import type { FastifyReply, FastifyRequest } from 'fastify'
import { detail, NOT_AUTHENTICATED, NOT_PERMITTED, Refusal, type Answer } from '../django/answer.ts'
import { authenticate, authenticateKey, type Authentication } from '../auth/authenticate.ts'
import { clientAddresses } from '../gates/client-address.ts'
import { sendCsrfCookie } from '../auth/csrf.ts'
import { refuseInactiveBearer } from '../auth/inactive-bearer.ts'
import { takeContentType } from '../django/framework.ts'
import { acceptsJson } from '../django/media-type.ts'
import { pathOf, placeAt, type Place } from './path.ts'
import { parseFields, type Fields } from '../django/form.ts'
import { rightsOf, type Rights } from '../auth/rights.ts'
import type { ThrottleGate } from '../gates/throttle.ts'
import { allowedMethods, handlerOf, withErrorEnvelope, type Handler, type View } from '../django/view.ts'
import { viewAt, type ViewSettings } from './views.ts'

/** A request that may go on to its handler. */
export interface Admission {
  readonly handler: Handler
  readonly view: View
  readonly rights: Rights
  /** What the path says, by the names of the contract. */
  readonly pathFields: readonly (readonly [string, string])[]
  readonly query: Fields
  /** The absolute address that was asked for, without its query. */
  readonly url: string
  /** Empty where none was sent. */
  readonly contentType: string
}

/**
 * Everything that happens to a request before its body is read, in the order of rest-v1 §2.1: route, content
 * negotiation, authentication, permission, throttle, method. Every answer from then on carries `Allow`.
 *
 * @throws {Refusal} by the first check that fires.
 */
export async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  { settings, ...gates }: Gates & { settings: ViewSettings },
): Promise<Admission> {
  const contentType = takeContentType(request)
  const [address, queryText] = splitOnce(request.originalUrl, '?')
  const place = placeAt(address)
  if (place === null) throw new Refusal(detail(404, 'Not found.'))
  if (place === 'slashMissing') throw new Refusal(slashAdded(address, queryText))
  const view = viewAt(place, settings)
  reply.header('allow', allowedMethods(view))
  const { handler, rights } = await withErrorEnvelope(view, () => admitTo(view, request, gates))
  if (view.givesCsrfCookie === true && handler === view.methods.GET) {
    sendCsrfCookie(request, reply, gates.authentication.now())
  }
  const url = `${request.protocol}://${request.host}${pathOf(address)}`
  return { handler, view, rights, pathFields: pathFieldsOf(place), query: parseFields(queryText), url, contentType }
}

export interface Gates {
  readonly authentication: Authentication
  readonly throttle: ThrottleGate
}

/**
 * What happens to a request to a view before its body is read, from content negotiation on.
 *
 * @throws {Refusal} by the first check that fires.
 */
export async function admitTo<R>(
  view: View<R>,
  request: FastifyRequest,
  { authentication, throttle }: Gates,
): Promise<{ readonly handler: Handler<R>; readonly rights: Rights }> {
  if (!acceptsJson(request.headers.accept)) {
    throw new Refusal(detail(406, 'Could not satisfy the request Accept header.'))
  }
  const caller = view.authenticates
    ? await authenticate(request, authentication, view.session ?? 'anybody')
    : await authenticateKey(request, authentication)
  if (view.bearerMustBeActive) refuseInactiveBearer(request, caller.account)
  const rights = rightsOf(caller)
  if (!(await view.permits(rights))) throw new Refusal(rights.account === null ? NOT_AUTHENTICATED : NOT_PERMITTED)
  const { throttling = 'switchable' } = view
  await throttle({ rights, address: () => clientAddresses(request).at(-1) ?? null, throttling })
  const handler = handlerOf(view, request.method)
  if (handler === undefined) throw new Refusal(detail(405, `Method "${request.method}" not allowed.`))
  return { handler, rights }
}

/** The original sends whoever forgets the slash to the address with it, whatever the method (rest-v1 §1.1). */
function slashAdded(address: string, query: string): Answer {
  return { status: 301, headers: { location: `${pathOf(address)}/${query === '' ? '' : `?${query}`}` } }
}

function pathFieldsOf(place: Place): [string, string][] {
  if (!('courseId' in place)) return []
  const username = place.route === 'enrollment' ? place.username : null
  return [...(username === null ? [] : [['username', username] as [string, string]]), ['course_id', place.courseId]]
}

function splitOnce(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator)
  return index === -1 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)]
}
