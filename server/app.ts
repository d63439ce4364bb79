import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { fastifyCors } from '@fastify/cors'
import {
  fastify,
  LogController,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify'
import type { Database } from '../core/database/open.ts'
import { answerClientError } from './client-error.ts'
import type { Config } from './config.ts'
import { consumerReader } from './consumers.ts'
import { health } from './health.ts'
import { internalCallers } from './internal-caller.ts'
import { confineTo, distinguishSides } from './listeners.ts'
import { openMetrics, type Metrics } from './metrics/open.ts'
import { reasonOfClientError } from './metrics/refusals.ts'
import { countRequests } from './metrics/requests.ts'
import { metricsRoute } from './metrics/route.ts'
import { sitePolicy } from './policy.ts'
import { refuseByHead, refuseTrace } from './request-head.ts'
import type { Extension } from './extension.ts'
import { builtInExtensions } from './extensions.ts'
import { authenticate, openAuthentication } from './rest/auth/authenticate.ts'
import { csrfTokenRoute } from './rest/auth/csrf-token-route.ts'
import { allowedOrigins } from './rest/cors.ts'
import { send } from './rest/django/framework.ts'
import { Refusal } from './rest/django/response.ts'
import { restV1 } from './rest/index.ts'
import { referencePage } from './rest/openapi/reference-page.ts'
import { routableUrl } from './rest/routes.ts'
import type { Secrets } from './secrets.ts'
import { trpc } from './trpc.ts'
import { uploads } from './uploads.ts'
import { isUnavailable, rememberUnavailable, retryAfter } from './unavailable.ts'
import { boundUnreadBodies } from './unread-body.ts'
import { slowDown, unlimited } from './wrong-credentials.ts'

export interface AppOptions {
  readonly db: Database
  readonly config: Config
  readonly secrets: Secrets
  /** Those that the server brings along unless given. */
  readonly extensions?: readonly Extension[] | undefined
  /** What the server counts; its own unless given. It ends with the server. */
  readonly metrics?: Metrics | undefined
  /** Silent unless given. */
  readonly logger?: FastifyServerOptions['logger']
  /** Fixes the clock. */
  readonly now?: () => Date
}

/** Builds the one server behind both listeners. It listens nowhere yet: `openListeners` does that, or a test injects. */
export function buildApp({
  db,
  config,
  secrets,
  extensions = builtInExtensions,
  metrics = openMetrics(db, extensions),
  logger = false,
  now,
}: AppOptions): FastifyInstance {
  const app = fastify({
    logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    // False, and not an empty list, is how Fastify is told to believe nobody.
    trustProxy: config.trustedProxies.length > 0 ? [...config.trustedProxies] : false,
    // Time for a request to arrive whole; the answer may take longer.
    requestTimeout: 60_000,
    // How often that time is looked at; Node.js would let a slow request have half a minute more.
    http: { connectionsCheckingInterval: 5_000 },
    // While the server closes, what still arrives on open connections is served, and each answer ends its connection.
    return503OnClosing: false,
    // The longest that a request line can be: no name is refused for its length before the route has seen it.
    routerOptions: { maxParamLength: 16_384 },
    rewriteUrl: ({ url = '/' }) => routableUrl(url),
    frameworkErrors: answerError,
    clientErrorHandler: (error, socket) => {
      const status = answerClientError(error, socket)
      if (status !== null) metrics.countRefusal(reasonOfClientError(status))
    },
  })
  distinguishSides(app)
  countRequests(app, metrics.countRequest)
  app.addHook('onClose', async () => metrics[Symbol.dispose]())
  app.setErrorHandler(answerError)
  boundUnreadBodies(app)
  refuseByHead(app)
  const traceRoutes = refuseTrace(app)
  // A hook that has nothing to say would cost every request some microseconds.
  if (config.logLevel === 'debug' || config.logLevel === 'trace') app.addHook('onResponse', logRequest)

  const policy = sitePolicy(config, app.log, extensions)
  const wrongCredentials = config.rateLimits.on ? slowDown() : unlimited
  const { registry, countRefusal } = metrics

  app.register(health, { db, readAll: consumerReader(db, extensions) })

  app.register(async (scope) => {
    confineTo('public', scope)
    const { corsOrigins } = config
    const jwt = { ...secrets.jwt, issuer: config.jwtIssuer, audience: config.jwtAudience }
    const opaqueTokens = extensions.find(({ openTokens }) => openTokens !== undefined)?.openTokens?.(app.log)
    if (opaqueTokens !== undefined) scope.addHook('onClose', () => opaqueTokens[Symbol.asyncDispose]())
    const known = { apiKeys: secrets.edxApiKeys, jwt, opaqueTokens, trustedOrigins: corsOrigins, wrongCredentials }
    const authentication = openAuthentication({ db, ...known, now })
    if (corsOrigins.length > 0) scope.register(fastifyCors, allowedOrigins(corsOrigins))
    scope.register(csrfTokenRoute, { now })
    scope.register(restV1, {
      db,
      policy,
      authentication,
      settings: { retirementServiceUsername: config.retirementServiceUsername },
      rateLimits: config.rateLimits,
      embargo: config.embargo,
      forward: extensions.find(({ forwardChange }) => forwardChange !== undefined)?.forwardChange ?? null,
    })
    const identify = (request: FastifyRequest) => authenticate(request, authentication, 'nobody')
    for (const { routes } of extensions) {
      const options = { db, policy, settings: config, authentication, authenticate: identify, metrics: registry, now }
      if (routes !== undefined) scope.register(routes, options)
    }
  })

  app.register(async (scope) => {
    confineTo('public', scope)
    scope.register(referencePage, { parts: extensions.flatMap(({ openApi = [] }) => openApi) })
  })

  app.register(async (scope) => {
    confineTo('private', scope)
    const { requestDeadlineMs: deadlineMs } = config.limits
    const { internalTokens, webhookKeys = [] } = secrets
    const webhooks = { secretKeys: webhookKeys, allowedNetworks: config.webhooks.allowedNetworks }
    scope.register(metricsRoute, { registry })
    const callers = internalCallers({ internalTokens, wrongCredentials, now })
    scope.register(trpc, { db, policy, webhooks, extensions, callers, deadlineMs, countRefusal, now })
    scope.register(uploads, { db, callers, countRefusal, now })
    for (const { internalRoutes } of extensions) {
      if (internalRoutes !== undefined) scope.register(internalRoutes, { db, callers, now })
    }
  })

  app.register(traceRoutes)

  return app
}

/** Answers errors for which no API has an answer of its own; nothing of an unexpected one leaves the process. */
function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  // What `authenticate` throws in the routes of an extension.
  if (error instanceof Refusal) return void send(reply, error.response)
  const status = statusOf(error)
  if (status >= 500) request.log.error({ err: error }, 'request failed')
  if (status === 503) {
    rememberUnavailable(request, error)
    reply.header('retry-after', retryAfter(error))
  }
  void reply.code(status).send({ detail: `${STATUS_CODES[status]}.` })
}

function statusOf(error: FastifyError): number {
  if (isUnavailable(error)) return 503
  const { statusCode = 500 } = error
  return STATUS_CODES[statusCode] === undefined || statusCode < 400 ? 500 : statusCode
}

async function logRequest(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  // Without its query, which may hold names and addresses of people.
  const path = request.url.split('?', 1)[0]
  const milliseconds = Number(reply.elapsedTime.toFixed(1))
  request.log.debug({ method: request.method, path, status: reply.statusCode, milliseconds }, 'request answered')
}
