import { sql, type Kysely } from 'kysely'
import type { FastifyPluginAsync } from 'fastify'
import type { DB } from '../core/database/schema.ts'

export interface HealthOptions {
  readonly db: Kysely<DB>
  /** Milliseconds in which the database has to answer. */
  readonly timeoutMs?: number
}

/** `GET /healthz`: the process lives. `GET /readyz`: its database answers; otherwise 503. */
export const health: FastifyPluginAsync<HealthOptions> = async (app, { db, timeoutMs = 2_000 }) => {
  const isReady = oneAtATime(() => answers(db, timeoutMs))
  app.addHook('onSend', async (_request, reply) => void reply.header('cache-control', 'no-store'))

  app.get('/healthz', async () => ({ status: 'ok' }))

  app.get('/readyz', async (_request, reply) => {
    if (await isReady()) return { status: 'ok' }
    return reply.code(503).header('retry-after', '1').send({ status: 'unavailable' })
  })
}

async function answers(db: Kysely<DB>, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => late.resolve(false), timeoutMs)
  const answer = sql`select 1`.execute(db).then(
    () => true,
    () => false,
  )
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Those who ask while a question is under way share its answer: many probes hold no more than one connection. */
function oneAtATime<T>(ask: () => Promise<T>): () => Promise<T> {
  let asking: Promise<T> | undefined
  return () => (asking ??= ask().finally(() => (asking = undefined)))
}
