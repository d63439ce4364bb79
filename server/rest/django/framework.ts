import { METHODS } from 'node:http'
import { fastifyCookie } from '@fastify/cookie'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { detail, Refusal, serialize, type Answer } from './answer.ts'
import { parseBody } from './body.ts'
import { answerToFailure } from '../enrollment-v1/errors.ts'
import type { Json } from './json.ts'

/**
 * Lets a scope be spoken to, and answer, as the framework of the original does (rest-v1 §2.3): any method reaches its
 * routes, bodies are left to {@link readBody}, cookies are read, and what is thrown has its answer.
 */
export async function followDjangoConventions(app: FastifyInstance): Promise<void> {
  // What is no method here is 405 and not 404, also where Fastify would not route it by itself.
  for (const method of METHODS) if (!app.supportedMethods.includes(method)) app.addHttpMethod(method)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler<FastifyError>((error, request, reply) => send(reply, answerTo(error, request)))
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

/** Parses the body of a request, see {@link parseBody}. */
export function readBody({ body }: FastifyRequest, contentType: string): Promise<Json> {
  return parseBody(Buffer.isBuffer(body) ? body : Buffer.alloc(0), contentType)
}

/** Sends an answer. */
export function send(reply: FastifyReply, { status, body, headers = {} }: Answer): FastifyReply {
  reply.code(status).headers(headers)
  if (body === undefined) return reply.send()
  // With a serializer of its own, because Fastify gives the type of any other text a charset, which the contract does not
  // have; as text, because Node.js sends that in one piece with the head of the answer.
  return reply.header('content-type', 'application/json').serializer(asItIs).send(serialize(body))
}

function asItIs(text: string): string {
  return text
}

/** The answer to an error; of one that nobody expected nothing leaves the process. */
function answerTo(error: FastifyError, request: FastifyRequest): Answer {
  if (error instanceof Refusal) return error.answer
  const answer = answerToFailure(error)
  if (answer !== null) return answer
  const { statusCode = 500, message } = error
  if (statusCode >= 400 && statusCode < 500) return detail(statusCode, message)
  request.log.error({ err: error }, 'request failed')
  return detail(500, 'Internal server error.')
}
