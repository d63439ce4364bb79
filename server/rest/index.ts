import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { Policy } from '../../core/policy.ts'
import type { EmbargoConfig, RateLimits } from '../config-parts.ts'
import { nameRoute } from '../metrics/requests.ts'
import { admitTo, type Admission, type AdmissionOptions } from './admit.ts'
import type { Authentication } from './auth/authenticate.ts'
import { isSecureRequest, sendCsrfCookie } from './auth/csrf.ts'
import { actorOf } from './auth/rights.ts'
import { clientAddresses } from './checks/client-address.ts'
import { openEmbargoCheck } from './checks/embargo.ts'
import { openThrottleCheck } from './checks/throttle.ts'
import { withErrorEnvelope } from './django/error-envelope.ts'
import { parseFields, type Fields } from './django/form.ts'
import { followDjangoConventions, readBody, send } from './django/framework.ts'
import { NOT_FOUND, Refusal, type ViewResponse } from './django/response.ts'
import { refuseUnstorable, refuseUnstorableBody } from './django/storable.ts'
import type { ForwardChange } from './forward.ts'
import { documentedRoute } from './openapi/routes.ts'
import { openRequestBounds, type RequestBounds } from './request-bounds.ts'
import { BASE_PATH, BULK_ENROLL_PATH, findRoute, pathOf, viewOf, type RouteMatch, type ViewSettings } from './routes.ts'
import { allowedMethods, type View, type ViewRequest } from './view.ts'

export interface RestV1Options {
  readonly db: Kysely<DB>
  readonly policy: Policy
  readonly authentication: Authentication
  readonly settings: ViewSettings
  readonly rateLimits: RateLimits
  readonly embargo: EmbargoConfig
  readonly forward: ForwardChange | null
}

/**
 * The legacy APIs of Open edX, byte for byte: the Enrollment API v1 and the bulk enrollment API v1 (rest-v1). Takes every
 * path and method under their base paths, because the order in which a request is refused is part of the contract: see
 * {@link admit}.
 */
export const restV1: FastifyPluginAsync<RestV1Options> = async (app, options) => {
  const { db, policy, authentication, settings, forward } = options
  const throttle = openThrottleCheck(db, options.rateLimits)
  const embargo = await openEmbargoCheck(db, options.embargo)

  await followDjangoConventions(app)
  app.decorateRequest('admission')
  app.addHook('onRequest', async (request, reply) => {
    const bounds = openRequestBounds(db, reply)
    const admission = await bounds.run(() => admit(request, reply, { authentication, throttle, settings }))
    request.setDecorator('admission', { ...admission, bounds })
  })

  const respond = async (request: FastifyRequest, reply: FastifyReply) => {
    const { handler, view, rights, parseBody, pathFields, query, url, bounds } =
      request.getDecorator<BoundedAdmission>('admission')
    return withErrorEnvelope(view.errorEnvelope, async () => {
      const body = await readBody(request, parseBody)
      refuseUnstorable(pathFields)
      refuseUnstorable(query)
      refuseUnstorableBody(body)
      const { id: requestId, log } = request
      const now = authentication.now()
      const call = { actor: actorOf(rights), via: 'rest', now, requestId } as const
      const addresses = () => clientAddresses(request)
      const sent = { address: request.originalUrl, acceptLanguage: request.headers['accept-language'] }
      const read = { rights, url, query, body, now, log, addresses, ...sent }
      const response = await bounds.run((cancellation) =>
        handler({ db, policy, embargo, forward, metadata: { ...call, cancellation }, ...read }),
      )
      return send(reply, response)
    })
  }
  app.all(`${BASE_PATH}*`, respond)
  app.all(BULK_ENROLL_PATH, respond)
  app.all(`${BULK_ENROLL_PATH}/`, respond)
}

interface RoutedAdmission extends Admission<ViewRequest> {
  readonly view: View
  /** What the path says, by the names of the contract. */
  readonly pathFields: readonly (readonly [string, string])[]
  readonly query: Fields
  /** The absolute address that was asked for, without its query. */
  readonly url: string
}

interface BoundedAdmission extends RoutedAdmission {
  readonly bounds: RequestBounds
}

/**
 * Finds the view of a request and passes the request through the checks before its body, see {@link admitTo}. Every
 * response from then on carries `Allow`.
 *
 * @throws {Refusal} by the first check that fires.
 */
async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  { settings, ...options }: AdmissionOptions & { readonly settings: ViewSettings },
): Promise<RoutedAdmission> {
  const [address, queryText] = splitOnce(request.originalUrl, '?')
  const match = findRoute(address)
  nameRoute(request, match === null || match === 'slashMissing' ? null : documentedRoute(match).path)
  if (match === null) throw new Refusal(NOT_FOUND)
  if (match === 'slashMissing') throw new Refusal(redirectToSlash(address, queryText))
  const view = viewOf(match, settings)
  reply.header('allow', allowedMethods(view))
  const admission = await withErrorEnvelope(view.errorEnvelope, () => admitTo(view, request, reply, options))
  if (view.givesCsrfCookie === true && admission.handler === view.methods.GET) {
    sendCsrfCookie(request, reply, options.authentication.now())
  }
  const url = `${isSecureRequest(request) ? 'https' : 'http'}://${request.host}${pathOf(address)}`
  return { ...admission, view, pathFields: pathFieldsOf(match), query: parseFields(queryText), url }
}

/** The original sends whoever forgets the slash to the address with it, whatever the method (rest-v1 §1.1). */
function redirectToSlash(address: string, query: string): ViewResponse {
  return { status: 301, headers: { location: `${pathOf(address)}/${query === '' ? '' : `?${query}`}` } }
}

function pathFieldsOf(match: RouteMatch): [string, string][] {
  if (!('courseId' in match)) return []
  const username = match.route === 'enrollment' ? match.username : null
  return [...(username === null ? [] : [['username', username] as [string, string]]), ['course_id', match.courseId]]
}

function splitOnce(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator)
  return index === -1 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)]
}
