import { Readable } from 'node:stream'
import { TRPCError } from '@trpc/server'
import type { FastifyPluginAsync } from 'fastify'
import type { Kysely } from 'kysely'
import { writeUpload } from '../core/bulk/receive-upload.ts'
import { resultFileOf } from '../core/bulk/result-lines.ts'
import type { DB } from '../core/database/schema.ts'
import { mayTakeLong } from './listeners.ts'
import { admitCallers, callerOf, type PrivateScopeOptions } from './private-scope.ts'

export interface UploadsOptions extends PrivateScopeOptions {
  readonly db: Kysely<DB>
  /** Milliseconds that may pass without a byte. */
  readonly idleMs?: number | undefined
  readonly now?: (() => Date) | undefined
}

/**
 * Gives the result files of jobs, and takes files for jobs, of any size and any content type: the body is the file (bulk.md §1). It may take as long as it takes while
 * bytes come; the limit of bodies and the time for a request of the other routes do not hold here.
 */
export const uploads: FastifyPluginAsync<UploadsOptions> = async (app, { db, idleMs = IDLE_MS, now, ...scope }) => {
  admitCallers(app, scope)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, body, done) => done(null, body))

  app.post('/bulk/uploads', { bodyLimit: Number.MAX_SAFE_INTEGER }, async (request, reply) => {
    const { 'content-encoding': encoding = 'identity' } = request.headers
    if (encoding !== 'identity') {
      throw new TRPCError({
        code: 'UNSUPPORTED_MEDIA_TYPE',
        message: 'Send the file as it is, without Content-Encoding.',
      })
    }
    const created = now?.() ?? new Date()
    using _ = mayTakeLong(request.raw.socket)
    const body = bytesOf((request.body as Readable | undefined) ?? null, idleMs)
    const uploadId = await writeUpload(db, body, { actorName: callerOf(request), now: created })
    reply.code(201)
    return { uploadId }
  })

  app.get<{ Params: { jobId: string }; Querystring: { onlyFailed?: string } }>(
    '/bulk/jobs/:jobId/results.csv',
    { exposeHeadRoute: false },
    async ({ params: { jobId }, query: { onlyFailed } }, reply) => {
      const file = await resultFileOf(db, jobId, { onlyFailed: onlyFailed === 'true' || onlyFailed === '1' })
      reply.header('content-disposition', `attachment; filename="results-${jobId}.csv"`)
      reply.type('text/csv; charset=utf-8')
      return reply.send(Readable.from(file))
    },
  )
}

const IDLE_MS = 60_000

/** The chunks of a body. They stop where it is cut off, or where none comes for too long. */
async function* bytesOf(body: Readable | null, idleMs: number): AsyncGenerator<Uint8Array> {
  if (body === null) return
  // It is not destroyed when it is left: the answer goes the same way.
  const chunks = body.iterator({ destroyOnReturn: false })
  for (;;) {
    const { promise: tooLate, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => reject(new TRPCError({ code: 'TIMEOUT', message: NOTHING_CAME })), idleMs)
    try {
      const next: IteratorResult<Uint8Array> = await Promise.race([chunks.next(), tooLate])
      if (next.done === true) return
      yield next.value
    } catch (error) {
      if (body.errored !== null || body.readableAborted)
        throw new TRPCError({ code: 'CLIENT_CLOSED_REQUEST', message: CUT_OFF })
      throw error
    } finally {
      clearTimeout(timer)
    }
  }
}

const NOTHING_CAME = 'The rest of the file did not come in time.'
const CUT_OFF = 'The upload was cut off.'
