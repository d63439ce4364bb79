import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { admitTo } from '../admit.ts'
import { detail, Refusal } from '../django/response.ts'
import type { Authentication } from '../auth/authenticate.ts'
import { fieldReader, type FieldReader } from '../django/serializer-fields.ts'
import type { BodyParser } from '../django/body.ts'
import { BODY_BOUNDS } from '../django/bounds.ts'
import { readBody, send, followDjangoConventions } from '../django/framework.ts'
import type { Json } from '../django/json.ts'
import { refuseUnstorableBody } from '../django/storable.ts'
import { allowedMethods, type Handler, type View } from '../view.ts'

/** Whoever is signed in. */
export interface Requester {
  readonly learnerId: number
  readonly username: string
  readonly isGlobalStaff: boolean
}

/** A request that has been let in, with its body. */
export interface TenantRequest {
  readonly requester: Requester
  /** What the path says, decoded. */
  readonly path: Readonly<Record<string, string>>
  readonly body: Json
  /** Reads the fields of the body, see {@link fieldReader}. */
  fields(): FieldReader
  readonly requestId: string
  readonly log: FastifyBaseLogger
}

/** A route of a tenant: who of those that are signed in may come in, and what each method does. */
export interface TenantView extends Pick<View<TenantRequest>, 'name' | 'methods'> {
  readonly permits: (requester: Requester, path: TenantRequest['path']) => Promise<boolean>
}

/** How the house receives requests to the routes of a tenant: as those to its own (rest-v1 §2). */
export interface TenantDoor {
  /** What Fastify is given for a route, which takes all methods. */
  route(view: TenantView): {
    onRequest(request: FastifyRequest, reply: FastifyReply): Promise<void>
    handler(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>
  }
  /** What a request ends with when it is thrown. */
  refusal(status: number, text: string): Error
}

/** Opens a door in a scope: whoever signs in by a token may come in, also by the cookies of a browser if they are active. */
export async function openTenantDoor(app: FastifyInstance, authentication: Authentication): Promise<TenantDoor> {
  await followDjangoConventions(app)
  app.decorateRequest('admission')
  return {
    route: (view) => ({
      async onRequest(request, reply) {
        reply.header('allow', allowedMethods(view))
        request.setDecorator('admission', await admit(view, request, authentication))
      },
      async handler(request, reply) {
        const { handler, requester, parseBody } = request.getDecorator<Admission>('admission')
        const body = await readBody(request, parseBody, BULK_BOUNDS)
        refuseUnstorableBody(body)
        const { id: requestId, log } = request
        const fields = () => fieldReader(body)
        return send(reply, await handler({ requester, path: pathOf(request), body, fields, requestId, log }))
      },
    }),
    refusal: (status, text) => new Refusal(detail(status, text)),
  }
}

/** What ten thousand rows need (rest-v1 D19). */
const BULK_BOUNDS = { ...BODY_BOUNDS, values: 200_000 }

interface Admission {
  readonly parseBody: BodyParser
  readonly requester: Requester
  readonly handler: Handler<TenantRequest>
}

async function admit(view: TenantView, request: FastifyRequest, authentication: Authentication) {
  let requester: Requester | undefined
  const { handler, parseBody } = await admitTo<TenantRequest>(
    {
      name: view.name,
      methods: view.methods,
      authenticates: true,
      session: 'active',
      throttling: 'never',
      async permits({ account, isGlobalStaff }) {
        if (account === null) return false
        requester = { learnerId: account.id, username: account.username, isGlobalStaff }
        return view.permits(requester, pathOf(request))
      },
    },
    request,
    { authentication, throttle: async () => {} },
  )
  if (requester === undefined) throw new Error('Whoever is let in is signed in')
  return { handler, requester, parseBody }
}

/** True of every route: Fastify gives each parameter of a path as a text. */
function pathOf({ params }: FastifyRequest): TenantRequest['path'] {
  return params as TenantRequest['path']
}
