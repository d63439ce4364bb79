import { STATUS_CODES } from 'node:http'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'

/**
 * Refuses what can be refused by the head of a request, on either listener, before anything of its body is read: a path
 * that no route knows, two hosts, a transfer coding that nobody here can undo (rest-v1 D13, D20, D23).
 */
export function refuseByHead(app: FastifyInstance): void {
  app.setNotFoundHandler(notFound)
  app.addHook('onRequest', (request, reply, done) => {
    // No browser takes an answer for something else than it says.
    reply.header('x-content-type-options', 'nosniff')
    const status = faultOf(request)
    if (status !== null) {
      void reply
        .code(status)
        .header('connection', 'close')
        .send({ detail: `${STATUS_CODES[status]}.` })
    } else if (request.is404) {
      notFound(request, reply)
    } else {
      done()
    }
  })
}

function notFound(_request: FastifyRequest, reply: FastifyReply): void {
  void reply.code(404).send({ detail: 'Not found.' })
}

/** The status of the refusal; null: nothing is wrong. */
function faultOf({ raw: { headers, rawHeaders } }: FastifyRequest): 400 | 501 | null {
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return 501
  return countHosts(rawHeaders) > 1 ? 400 : null
}

/** Of repeated `Host` headers Node.js shows only the first; proxies may have gone by another. */
function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  return hosts
}

/**
 * Makes TRACE 405 on every path that has another method, before anybody is asked for credentials: its answer would repeat
 * them (rest-v1 D23). Routes that take any method answer it themselves.
 *
 * @param app before any route is registered.
 * @returns a plugin to be registered after all others.
 */
export function refuseTrace(app: FastifyInstance): FastifyPluginAsync {
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => void routes.push(route))
  return async (scope) => {
    // A star alone is how CORS takes preflights to any path, and no path that is known.
    const known = routes.filter(({ url }) => url !== '*')
    for (const [first, ...others] of Map.groupBy(known, keyOf).values()) {
      const methods = [first, ...others].flatMap((route) => route?.method ?? [])
      if (first === undefined || methods.includes('TRACE')) continue
      const allow = [...new Set(methods)].join(', ')
      scope.route({
        method: 'TRACE',
        url: first.url,
        ...(first.constraints && { constraints: first.constraints }),
        handler: (_request, reply) =>
          reply.code(405).header('allow', allow).send({ detail: 'Method "TRACE" not allowed.' }),
      })
    }
  }
}

function keyOf({ url, constraints }: RouteOptions): string {
  return `${url} ${JSON.stringify(constraints)}`
}
