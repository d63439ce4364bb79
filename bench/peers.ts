import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fastify } from 'fastify'
import type pg from 'pg'
import type { Database } from '../core/database/open.ts'
import { handEnroll, VARIANTS, type Variant } from './baselines.ts'
import { orpcListener } from './orpc-server.ts'

/** Servers that do the same work in another way. */
export interface Peers extends AsyncDisposable {
  /** Plain Fastify around the hand-written statement. */
  readonly handUrls: Readonly<Record<Variant, string>>
  /** The same core behind another RPC library. */
  readonly orpcSocketPath: string
}

/** @param token opens the peer that is an RPC server, as it opens the typed door. */
export async function openPeers(options: { db: Database; handPool: pg.Pool; token: string }): Promise<Peers> {
  await using undo = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'enrollment-bench-'))
  undo.defer(() => rm(directory, { recursive: true, force: true }))
  const orpcSocketPath = join(directory, 'orpc.sock')
  const orpc = createServer(orpcListener(options))
  undo.defer(() => {
    orpc.close().closeAllConnections()
  })
  await once(orpc.listen(orpcSocketPath), 'listening')
  const hand = handServer(options.handPool)
  undo.defer(() => hand.close())
  const address = await hand.listen({ host: '127.0.0.1', port: 0 })
  const stack = undo.move()
  return {
    handUrls: { conflict: `${address}/conflict`, plain: `${address}/plain` },
    orpcSocketPath,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** With compiled schemas both ways, without a logger: as fast as Fastify is. */
function handServer(pool: pg.Pool) {
  const text = { type: 'string' }
  const details = { type: 'object', required: ['course_id'], properties: { course_id: text } }
  const body = {
    type: 'object',
    required: ['user', 'course_details'],
    properties: { user: text, course_details: details },
  }
  const answer = {
    type: 'object',
    properties: { user: text, is_active: { type: 'boolean' }, mode: text, course_id: text },
  }
  const app = fastify({ logger: false })
  for (const variant of VARIANTS) {
    app.post<{ Body: { user: string; course_details: { course_id: string } } }>(
      `/${variant}`,
      { schema: { body, response: { 200: answer } } },
      async ({ body: { user, course_details: course } }) => {
        await handEnroll(pool, user, course.course_id, variant)
        return { user, is_active: true, mode: 'audit', course_id: course.course_id }
      },
    )
  }
  return app
}
