import { sql, type Kysely } from 'kysely'
import type { FastifyPluginAsync } from 'fastify'
import { boundsOf, callLoad } from '../core/database/deadline.ts'
import type { DB } from '../core/database/schema.ts'
import { readConsumers, type ConsumerStatus } from '../core/event/consumers.ts'
import { oneAtATime, withinTime } from './questions.ts'

export interface HealthOptions {
  readonly db: Kysely<DB>
  /** Reads how the consumers stand; those of the feed unless given. */
  readonly readAll?: () => Promise<ConsumerStatus[]>
  /** Milliseconds in which the database has to answer. */
  readonly timeoutMs?: number
}

/**
 * `GET /healthz`: the process lives. `GET /readyz`: its database answers and can be written, and calls have their answers;
 * otherwise 503 (run §2). It also tells how the consumers of the feed stand, which does not count (events.md §5).
 */
export const health: FastifyPluginAsync<HealthOptions> = async (app, { db, timeoutMs = 2_000, readAll }) => {
  const isWritable = oneAtATime(() => withinTime(canWrite(db), timeoutMs))
  const consumers = lately(readAll ?? (() => readConsumers(db, new Date())))
  app.addHook('onSend', async (_request, reply) => void reply.header('cache-control', 'no-store'))

  app.get('/healthz', async () => ({ status: 'ok' }))

  app.get('/readyz', async (_request, reply) => {
    if (areCallsAnswered(db, timeoutMs) && (await isWritable()) === true)
      return { status: 'ok', consumers: await consumers() }
    return reply.code(503).header('retry-after', '1').send({ status: 'unavailable' })
  })
}

/** A call may wait for a lock without anything being wrong; one that takes longer than that has no answer from the database. */
function areCallsAnswered(db: Kysely<DB>, timeoutMs: number): boolean {
  return callLoad(db).oldestMs <= boundsOf(db).lockTimeoutMs + timeoutMs
}

/** Not on a hot standby, and not where `default_transaction_read_only` is set. */
async function canWrite(db: Kysely<DB>): Promise<boolean> {
  const { rows } = await sql<{ readOnly: string }>`
    select current_setting('transaction_read_only') as "readOnly"
  `.execute(db)
  return rows[0]?.readOnly === 'off'
}

/** Milliseconds for which the consumers are not looked at again. */
const FRESH_MS = 1_000

/** Milliseconds for which somebody waits who asks for them; then what was known before is answered. */
const MAX_WAIT_MS = 250

/** What was read a moment ago, however many ask; empty where it cannot be read. */
function lately(read: () => Promise<ConsumerStatus[]>): () => Promise<ConsumerStatus[]> {
  let known: ConsumerStatus[] = []
  let readAt = -Infinity
  const refresh = oneAtATime(async () => {
    known = await read().catch(() => [])
    readAt = performance.now()
    return true
  })
  return async () => {
    if (performance.now() - readAt >= FRESH_MS) await withinTime(refresh(), MAX_WAIT_MS)
    return known
  }
}
