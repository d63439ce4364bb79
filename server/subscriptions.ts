import { TRPCError } from '@trpc/server'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { CallContext } from '../routers/call.ts'
import type { AnySubscription, OperationTable } from '../routers/operation.ts'
import { openSubscription } from '../routers/subscribe.ts'
import { streams } from '../routers/trpc.ts'
import { eventStreamOf, type EventStream } from './event-stream.ts'

export interface SubscriptionsOptions {
  readonly operations: OperationTable
  /** @param request of a caller who is known. */
  readonly contextOf: (request: FastifyRequest) => CallContext
}

/**
 * Serves each subscription at its path, as server-sent events (events.md §2). Everything else of the typed API, and what asks for
 * one in another way, is tRPC's.
 */
export const subscriptions: FastifyPluginAsync<SubscriptionsOptions> = async (app, { operations, contextOf }) => {
  const open = new Map<AbortController, EventStream>()
  const heartbeat = setInterval(() => {
    for (const { beat } of open.values()) beat()
  }, streams.ping.intervalMs).unref()
  let isStopping = false
  // Their clients connect again, to another process or to the next one.
  app.addHook('preClose', async () => {
    isStopping = true
    clearInterval(heartbeat)
    for (const end of open.keys()) end.abort()
  })

  for (const [path, operation] of subscriptionsOf(operations)) {
    app.route({
      method: ['GET', 'POST'],
      url: `/${path}`,
      exposeHeadRoute: false,
      handler: async (request, reply) => {
        const end = new AbortController()
        if (isStopping) end.abort()
        const input = () => inputOf(request)
        const pages = openSubscription(operation, contextOf(request), path, input, { signal: end.signal })
        const events = eventStreamOf(pages, path, end.signal)
        open.set(end, events)
        events.stream.once('close', () => {
          open.delete(end)
          end.abort()
        })
        return reply.headers(HEADERS).send(events.stream)
      },
    })
  }
}

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
}

function subscriptionsOf(operations: OperationTable): [path: string, AnySubscription][] {
  return Object.entries(operations).flatMap(([group, ofGroup]) =>
    Object.entries(ofGroup).flatMap(([name, operation]): [string, AnySubscription][] =>
      operation.type === 'subscription' ? [[`${group}.${name}`, operation]] : [],
    ),
  )
}

/**
 * What was sent, with the id after which a client resumes.
 *
 * @throws {TRPCError} BAD_REQUEST for what is no JSON, and for a batch.
 */
function inputOf({ body, headers, query }: FastifyRequest): unknown {
  const { input: text, batch, lastEventId: inUrl } = query as Record<string, unknown>
  const lastEventId = headers['last-event-id'] ?? inUrl
  if (batch !== undefined) throw new TRPCError({ code: 'BAD_REQUEST', message: 'A subscription is asked for alone.' })
  const input = body ?? jsonOf(text)
  if (lastEventId === undefined || lastEventId === '') return input
  return typeof input === 'object' && input !== null ? { ...input, lastEventId } : (input ?? { lastEventId })
}

function jsonOf(text: unknown): unknown {
  if (text === undefined || text === '') return undefined
  try {
    return JSON.parse(typeof text === 'string' ? text : '') as unknown
  } catch (cause) {
    throw new TRPCError({ code: 'BAD_REQUEST', message: 'The input is no JSON.', cause })
  }
}
