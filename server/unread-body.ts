import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** The most bytes of a body that are read although nobody wants them. */
const MAX_DISCARDED = 65_536
/** Milliseconds in which the rest of such a body has to come. */
const PATIENCE_MS = 5_000

/** Whether a request says that it has a body: by its length, or by sending it in chunks. */
export function announcesBody({
  'content-length': length = '0',
  'transfer-encoding': coding,
}: IncomingHttpHeaders): boolean {
  return coding !== undefined || Number(length) > 0
}

/**
 * Bounds what the server reads of a request that it has answered by its head alone (rest-v1 D20). A short body is read to
 * its end, so that the connection can be used again; otherwise the connection is closed. Node.js by itself would read on
 * as long as the client sends.
 */
export function boundUnreadBodies(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw }, reply, done) => {
    if (announcesBody(raw.headers)) {
      // Before the listener of Node.js, which would have the rest of the body discarded.
      reply.raw.prependListener('finish', () => {
        // A body that was too long was read in part: what is left of it is for Node.js. A request that is injected
        // has no connection.
        const isConnected = raw.socket instanceof Socket
        if (isConnected && !raw.complete && reply.statusCode !== 413) discardBounded(raw)
      })
    }
    done()
  })
}

function discardBounded(request: IncomingMessage): void {
  let discarded = 0
  const count = (chunk: Buffer) => {
    discarded += chunk.length
    if (discarded > MAX_DISCARDED) cut()
  }
  const cut = () => {
    request.off('data', count).pause()
    request.socket.destroySoon()
  }
  const timer = setTimeout(cut, PATIENCE_MS).unref()
  const stop = () => clearTimeout(timer)
  request.on('data', count).once('end', stop).once('close', stop)
  request.read(0) // From now on Node.js takes the body for read.
}
