import { METHODS } from 'node:http'
import { fastifyCookie } from '@fastify/cookie'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isUnavailable, rememberUnavailable, retryAfter } from '../../unavailable.ts'
import type { BodyParser } from './body.ts'
import { BODY_BOUNDS, type BodyBounds } from './bounds.ts'
import type { Json } from './json.ts'
import { detail, Refusal, serialize, unavailableAfter, type ViewResponse } from './response.ts'
import { shortenError } from './shorten.ts'

/**
 * Makes a scope receive requests and send responses as Django REST framework does (rest-v1 §2.3): any method reaches its
 * routes, bodies are left to {@link readBody}, cookies are read, and whatever is thrown becomes a response.
 */
export async function followDjangoConventions(app: FastifyInstance): Promise<void> {
  // What is no method here is 405 and not 404, also where Fastify would not route it by itself.
  for (const method of METHODS) if (!app.supportedMethods.includes(method)) app.addHttpMethod(method)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler<FastifyError>((error, request, reply) => send(reply, responseToError(error, request)))
  await app.register(fastifyCookie)
}

/**
 * Hides the type of the body from Fastify, which would refuse it before anybody is asked who they are.
 *
 * @returns the type; empty where none was sent.
 */
export function takeContentType({ raw }: FastifyRequest): string {
  const { headers } = raw
  const contentType = headers['content-type'] ?? ''
  headers['content-type'] = undefined // Deleting it would make all that is read of them after this slower.
  return contentType
}

/** Parses the body of a request that has arrived. */
export function readBody({ body }: FastifyRequest, parse: BodyParser, bounds: BodyBounds = BODY_BOUNDS): Promise<Json> {
  return parse(Buffer.isBuffer(body) ? body : Buffer.alloc(0), bounds)
}

/** Sends a response. */
export function send(
  reply: FastifyReply,
  { status, body, raw, headers = {}, isResult = status < 400 }: ViewResponse,
): FastifyReply {
  reply.code(status).headers(headers)
  if (raw !== undefined) return reply.header('content-type', raw.contentType).serializer(asItIs).send(raw.text)
  if (body === undefined) return reply.send()
  // With a serializer of its own, because Fastify gives the type of any other text a charset, which the contract does not
  // have; as text, because Node.js sends that in one piece with the head of the response.
  return reply
    .header('content-type', 'application/json')
    .serializer(asItIs)
    .send(isResult ? serialize(body) : shortenError(body, serialize))
}

function asItIs(text: string): string {
  return text
}

/** The response to an error; of one that nobody expected nothing leaves the process. */
function responseToError(error: FastifyError, request: FastifyRequest): ViewResponse {
  if (error instanceof Refusal) return error.response
  if (isUnavailable(error)) {
    rememberUnavailable(request, error)
    return unavailableAfter(retryAfter(error))
  }
  const { statusCode = 500, message } = error
  if (statusCode >= 400 && statusCode < 500) return detail(statusCode, message)
  request.log.error({ err: error }, 'request failed')
  return detail(500, 'Internal server error.')
}
