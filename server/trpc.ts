import { setImmediate as nextTurn } from 'node:timers/promises'
import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from '@trpc/server/adapters/fastify'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import type { DB } from '../core/database/schema.ts'
import type { Policy } from '../core/policy.ts'
import type { WebhookSettings } from '../core/webhook/webhook.ts'
import { callContextOf, type CallContext } from '../routers/call.ts'
import type { OperationTable } from '../routers/operation.ts'
import { operations } from '../routers/operations.ts'
import { createRouter } from '../routers/trpc.ts'
import { boundBodiesInWork } from './bodies-in-work.ts'
import type { Extension } from './extension.ts'
import { admitCallers, callerOf, countCallError, type PrivateScopeOptions } from './private-scope.ts'
import { subscriptions } from './subscriptions.ts'
import { retryAfter } from './unavailable.ts'

export interface TrpcOptions extends PrivateScopeOptions {
  readonly db: Kysely<DB>
  readonly policy: Policy
  readonly webhooks: WebhookSettings
  readonly extensions: readonly Pick<Extension, 'name' | 'operations'>[]
  /** Milliseconds after which a call has its answer, or is refused. */
  readonly deadlineMs: number
  readonly now?: (() => Date) | undefined
}

const BODY_LIMIT = 16 * 1024 * 1024
/** What is made of a byte of a batch takes some thirty in memory. */
const MAX_BYTES_IN_WORK = 8 * 1024 * 1024
/** A longer body is taken up in a turn of the event loop of its own: others are answered between two of them. */
const LONG_BODY = 65_536
const MAX_BATCH_SIZE = 100

/**
 * The typed API over HTTP (rpc §1). It stands on tRPC's adapter for Fastify and not on its fetch handler, so that
 * Fastify's limits, hooks, request ids and draining hold for these routes as for all others.
 */
export const trpc: FastifyPluginAsync<TrpcOptions> = async (app, options) => {
  const { db, policy, webhooks, extensions, deadlineMs, countRefusal, now } = options
  admitCallers(app, options)
  const inWork = { maxBytes: MAX_BYTES_IN_WORK, bodyLimit: BODY_LIMIT, maxWaitMs: deadlineMs }
  app.addHook('onRequest', boundBodiesInWork(inWork))

  app.addHook('onRoute', (route) => {
    route.bodyLimit = BODY_LIMIT
    // It is refused before credentials are looked at, see `refuseTrace`.
    route.method = [route.method].flat().filter((method) => method !== 'TRACE')
  })

  const table = tableWith(extensions)
  const contextOf = (request: FastifyRequest): CallContext => {
    const actor = { kind: 'service' as const, name: callerOf(request) }
    return callContextOf({ db, policy, webhooks, actor, requestId: request.id, log: request.log, now }, 'rpc')
  }
  app.register(subscriptions, { prefix: '/trpc', operations: table, contextOf })

  await app.register(fastifyTRPCPlugin<Router>, {
    prefix: '/trpc',
    trpcOptions: {
      router: createRouter(table),
      maxBatchSize: MAX_BATCH_SIZE,
      // A query may carry a list that is too long for a URL.
      allowMethodOverride: true,
      createContext: async ({ req }): Promise<CallContext> => {
        if (typeof req.body === 'string' && req.body.length > LONG_BODY) await nextTurn()
        return contextOf(req)
      },
      responseMeta: ({ errors }) => {
        const refused = errors.find(({ code }) => code === 'SERVICE_UNAVAILABLE')
        return refused === undefined ? {} : { headers: { 'retry-after': retryAfter(refused.cause ?? refused) } }
      },
      onError: ({ error, path, req }) => {
        countCallError(error, countRefusal)
        // Errors of a procedure have been reported by the procedure itself.
        if (path === undefined && error.code === 'INTERNAL_SERVER_ERROR') req.log.error({ err: error }, 'call failed')
      },
    },
  } satisfies FastifyTRPCPluginOptions<Router>)
}

/**
 * The core's operations and those of extensions.
 *
 * @throws {TypeError} for a group of operations that is there already.
 */
function tableWith(extensions: TrpcOptions['extensions']): OperationTable {
  const table: Record<string, OperationTable[string]> = { ...operations }
  for (const { name, operations: ofExtension = {} } of extensions) {
    for (const [group, ofGroup] of Object.entries(ofExtension)) {
      if (group in table)
        throw new TypeError(`The extension '${name}' adds operations '${group}', which there are already`)
      table[group] = ofGroup
    }
  }
  return table
}

type Router = ReturnType<typeof createRouter<OperationTable>>
