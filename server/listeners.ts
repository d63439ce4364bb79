import { createServer, IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { TRPCError } from '@trpc/server'
import type { FastifyInstance } from 'fastify'
import { listenOnHost, listenOnSocket, orListenError, urlOf } from './addresses.ts'
import { answerClientError } from './client-error.ts'
import type { Config } from './config.ts'
import { errorEnvelope } from './trpc-errors.ts'

/** On which of the two listeners a route exists; a route of no side exists on both. */
export type Side = 'public' | 'private'

/**
 * A request that arrived on the private listener. Node.js makes it one when it parses the request, so nothing that a
 * client sends has a say in it. A test reaches the private side with `app.inject({ …, Request: PrivateRequest })`.
 */
export class PrivateRequest extends IncomingMessage {}

/** Teaches the router of a server to tell the sides apart; before any route is registered. */
export function distinguishSides(app: FastifyInstance): void {
  app.addConstraintStrategy({
    name: 'side',
    storage() {
      const routes = new Map<unknown, Route>()
      return {
        get: (side) => routes.get(side) ?? null,
        set: (side, route) => void routes.set(side, route),
      }
    },
    deriveConstraint: (request): Side => (request instanceof PrivateRequest ? 'private' : 'public'),
  })
}

type Strategy = Parameters<FastifyInstance['addConstraintStrategy']>[0]
type Route = NonNullable<ReturnType<ReturnType<Strategy['storage']>['get']>>

/** Makes every route that is registered in the scope after this call exist on one side only, those of plugins too. */
export function confineTo(side: Side, scope: FastifyInstance): void {
  scope.addHook('onRoute', (route) => {
    route.constraints = { ...route.constraints, side }
  })
}

/** Where the two listeners are. */
export type Addresses = { readonly url: string } & (
  | { readonly internalUrl: string }
  | { readonly internalSocket: string }
)

export interface ListenersOptions extends Pick<Config, 'publicAddress' | 'privateAddress'> {
  /** Milliseconds that requests have to end when the server closes; connections that are left are cut then. */
  readonly graceMs?: number
  /** Is told the status with which the private listener refused what never became a request. */
  readonly onClientError?: ((status: 400 | 408 | 431) => void) | undefined
}

/**
 * Opens both listeners of one server. Closing the server closes both: nothing new is taken, what runs is finished.
 *
 * @param app must not be ready yet.
 * @throws {ListenError} when an address cannot be had; close the server then.
 */
export async function openListeners(app: FastifyInstance, options: ListenersOptions): Promise<Addresses> {
  const { publicAddress: outside, privateAddress: inside, graceMs = 6_000, onClientError } = options
  const inner = privateServer(app, onClientError)
  closeTogether(app, inner, graceMs)
  await app.ready()
  if ('socketPath' in inside) await listenOnSocket(inner, inside.socketPath, 'INTERNAL_SOCKET')
  else await listenOnHost(inner, inside, 'INTERNAL_PORT')
  await orListenError(app.listen(outside), `${outside.host}:${outside.port}`, 'PORT')
  const url = urlOf(app.server)
  return 'socketPath' in inside ? { url, internalSocket: inside.socketPath } : { url, internalUrl: urlOf(inner) }
}

/** Has the limits of the public server; what never becomes a request is refused in the words of the typed API. */
function privateServer(app: FastifyInstance, onClientError: ListenersOptions['onClientError']): Server {
  const { requestTimeout, headersTimeout, keepAliveTimeout, timeout, maxHeadersCount, maxRequestsPerSocket } =
    app.server
  // Node.js shows what it was given only so.
  const { connectionsCheckingInterval } = app.server as unknown as { connectionsCheckingInterval: number }
  const inner = createServer(
    { IncomingMessage: PrivateRequest, requestTimeout, headersTimeout, keepAliveTimeout, connectionsCheckingInterval },
    (request, response) => app.routing(request, response),
  )
  Object.assign(inner, { timeout, maxHeadersCount, maxRequestsPerSocket })
  inner.on('clientError', (error, socket) => {
    if ('code' in error && error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && LONG in socket && socket[LONG] === true) return
    const status = answerClientError(error, socket as Socket, refusalInWordsOfTrpc)
    if (status !== null) onClientError?.(status)
  })
  return inner
}

const LONG = Symbol('may take long')

/**
 * Lets the body of a request on the private listener come for longer than a request has, until it is disposed of. Whoever asks for
 * it sees to a time of its own.
 */
export function mayTakeLong(socket: Socket & { [LONG]?: boolean }): Disposable {
  socket[LONG] = true
  return { [Symbol.dispose]: () => void (socket[LONG] = false) }
}

function refusalInWordsOfTrpc(status: number, text: string): object {
  const code = status === 408 ? 'TIMEOUT' : 'BAD_REQUEST'
  const { error } = errorEnvelope(new TRPCError({ code, message: text }))
  return { error: { ...error, data: { ...error.data, httpStatus: status } } }
}

function closeTogether(app: FastifyInstance, inner: Server, graceMs: number): void {
  let closed: Promise<unknown> | undefined
  app.addHook('preClose', async () => {
    closed = new Promise((resolve) => inner.close(resolve))
    for (const server of [app.server, inner]) cutConnections(server, graceMs)
  })
  app.addHook('onClose', async () => void (await closed))
}

/** Of a server that is closing: the idle connections as they become idle, the others when their time is over. */
function cutConnections(server: Server, graceMs: number): void {
  const idle = setInterval(() => server.closeIdleConnections(), 20)
  const rest = setTimeout(() => server.closeAllConnections(), graceMs)
  server.once('close', () => {
    clearInterval(idle)
    clearTimeout(rest)
  })
}
