import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
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
 * Bounds what the server reads of a request that it has answered before its body has come: by its head alone, or because the
 * body is too long (rest-v1 D20). Node.js by itself would read on as long as the client sends.
 *
 * A short body is read to its end, so that the connection can be used again. The answer to another one says that the
 * connection ends, and what still comes is read for a moment: a client that is cut off while it sends may lose its answer.
 */
export function boundUnreadBodies(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw }, reply, done) => {
    // The connection has been ended with the answer to a request before this one; this one would never have its own.
    if (raw.socket.writableEnded) {
      reply.hijack()
      raw.socket.destroy()
      return
    }
    if (announcesBody(raw.headers)) {
      if (isLong(raw.headers)) endConnectionUnlessRead(raw, reply.raw)
      // Before the listener of Node.js, which would have the rest of the body discarded.
      reply.raw.prependListener('finish', () => {
        // A request that is injected has no connection.
        if (raw.socket instanceof Socket && !raw.complete) discardBounded(raw, raw.socket)
      })
    }
    done()
  })
}

/** Whether more may come than is read of what nobody wants. */
function isLong({ 'content-length': length, 'transfer-encoding': coding }: IncomingHttpHeaders): boolean {
  return coding !== undefined || Number(length) > MAX_DISCARDED
}

/** Has the answer say so, which is true until the body has been read whole. */
function endConnectionUnlessRead(request: IncomingMessage, response: ServerResponse): void {
  const { shouldKeepAlive } = response
  response.shouldKeepAlive = false
  request.once('end', () => (response.shouldKeepAlive = shouldKeepAlive))
}

function discardBounded(request: IncomingMessage, socket: Socket): void {
  let discarded = 0
  let isEnded = false
  const count = (chunk: Buffer) => {
    discarded += chunk.length
    if (discarded > MAX_DISCARDED) cut()
  }
  const cut = () => {
    request.off('data', count).pause()
    Socket.prototype.destroySoon.call(socket)
  }
  // What Node.js calls after an answer that ends the connection: the client sees that end, and is listened to until the cut.
  socket.destroySoon = () => {
    isEnded = true
    socket.end()
  }
  const timer = setTimeout(cut, PATIENCE_MS).unref()
  request.on('data', count)
  request.once('end', () => {
    socket.destroySoon = Socket.prototype.destroySoon
    if (isEnded) cut()
  })
  request.once('close', () => clearTimeout(timer))
  request.read(0) // From now on Node.js takes the body for read.
}
