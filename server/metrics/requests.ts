import { Counter, Histogram, type Registry } from '@prometheus-io/client'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PrivateRequest } from '../listeners.ts'
import { reasonOf, type CountRefusal } from './refusals.ts'

/** Counts a request that was answered. */
export type CountRequest = (request: FastifyRequest, reply: FastifyReply) => void

/** Seconds; the last is that in which a call has its answer or is refused. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15]

/** The methods that a route here has; all others are one. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What a path is called that no route knows. */
export const UNKNOWN_ROUTE = 'unknown'

/** Makes the metrics of requests. Their labels have few values, whatever clients send: routes are patterns. */
export function requestMetrics(registry: Registry, countRefusal: CountRefusal): CountRequest {
  const registers = [registry]
  const requests = new Counter({
    name: 'enrollment_http_requests_total',
    help: 'Requests that were answered, by the pattern of their route',
    labelNames: ['listener', 'method', 'route', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'enrollment_http_request_duration_seconds',
    help: 'From the head of a request to the end of its answer',
    labelNames: ['listener', 'route'],
    buckets: BUCKETS,
    registers,
  })
  return (request, reply) => {
    const listener = request.raw instanceof PrivateRequest ? 'private' : 'public'
    const route = routeOf(request)
    const { statusCode: status } = reply
    requests.inc({ listener, method: METHODS.has(request.method) ? request.method : 'other', route, status })
    if (!isStream(reply)) durations.observe({ listener, route }, reply.elapsedTime / 1_000)
    const reason = reasonOf(request, route, status)
    if (reason !== null) countRefusal(reason)
  }
}

/** A subscription lasts as long as its client likes. */
function isStream({ raw }: FastifyReply): boolean {
  return String(raw.getHeader('content-type')).startsWith('text/event-stream')
}

/** Counts every request of a server, whatever becomes of it. Before any route is registered. */
export function countRequests(app: FastifyInstance, count: CountRequest): void {
  app.decorateRequest('routePattern', '')
  app.addHook('onResponse', (request, reply, done) => {
    count(request, reply)
    done()
  })
}

/**
 * Says which route a request is for, where the one of the router has many: the pattern of its path as the documentation has it.
 *
 * @param pattern null: there is no such route.
 */
export function nameRoute(request: FastifyRequest, pattern: string | null): void {
  request.setDecorator('routePattern', pattern ?? UNKNOWN_ROUTE)
}

function routeOf(request: FastifyRequest): string {
  const named = request.getDecorator<string>('routePattern')
  if (named !== '') return named
  const { url } = request.routeOptions
  return url === undefined ? UNKNOWN_ROUTE : patternOf(url)
}

/** A pattern of the router as the documentation writes it: `{name}` for what varies, and no slash at the end. */
function patternOf(url: string): string {
  const plain = url.replaceAll(PARAMETER, '{$1}')
  return plain.length > 1 && plain.endsWith('/') ? plain.slice(0, -1) : plain
}

const PARAMETER = /:(\w+)(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?/g
