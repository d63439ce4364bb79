import { METHODS } from 'node:http'
import { fastifyCookie } from '@fastify/cookie'
import type { FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import { apiKeyCheck } from '../../../core/access/api-key-check.ts'
import type { DB } from '../../../core/database/schema.ts'
import type { Policy } from '../../../core/policy.ts'
import type { EmbargoConfig, RateLimits } from '../../config.ts'
import { admit, type Admission } from './admit.ts'
import { detail, Refusal, serialize, type Answer } from './answer.ts'
import { parseBody } from './body.ts'
import { clientAddresses } from './client-address.ts'
import { openEmbargoGate } from './embargo.ts'
import { answerToFailure } from './errors.ts'
import { jwtVerifier, type JwtOptions } from './jwt.ts'
import { BASE_PATH, BULK_ENROLL_PATH } from './path.ts'
import { refuseUnstorable } from './storable.ts'
import { throttleGate } from './throttle.ts'
import { inWordsOf } from './view.ts'
import type { ViewSettings } from './views.ts'

export interface RestV1Options {
  readonly db: Kysely<DB>
  readonly policy: Policy
  /** Accepted values of `X-Edx-Api-Key`. */
  readonly apiKeys: readonly string[]
  readonly jwt: JwtOptions
  /** Other origins whose pages may change something with the cookies of a browser. */
  readonly trustedOrigins: readonly string[]
  readonly settings: ViewSettings
  readonly rateLimits: RateLimits
  readonly embargo: EmbargoConfig
  readonly now?: (() => Date) | undefined
}

/**
 * The legacy door: the Enrollment API v1 of Open edX, byte for byte (rest-v1). It takes every path and method under its
 * base path, because the order in which it refuses is part of the contract: see `admit`.
 */
export const restV1: FastifyPluginAsync<RestV1Options> = async (app, options) => {
  const { db, policy, apiKeys, jwt, trustedOrigins, settings, now = () => new Date() } = options
  const authentication = { db, isApiKey: apiKeyCheck(db, apiKeys), verifyJwt: jwtVerifier(jwt), trustedOrigins, now }
  const throttle = throttleGate(db, options.rateLimits)
  const embargo = await openEmbargoGate(db, options.embargo)

  // What is no method here is 405 and not 404, also where Fastify would not route it by itself.
  for (const method of METHODS) if (!app.supportedMethods.includes(method)) app.addHttpMethod(method)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler<FastifyError>((error, request, reply) => send(reply, answerTo(error, request)))

  await app.register(fastifyCookie)
  app.decorateRequest('admission')
  app.addHook('onRequest', async (request, reply) => {
    request.setDecorator('admission', await admit(request, reply, { authentication, throttle, settings }))
  })

  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    const { handler, view, pathFields, query, url, rights, contentType } = request.getDecorator<Admission>('admission')
    return inWordsOf(view, async () => {
      const body = await parseBody(bytesOf(request), contentType)
      refuseUnstorable(pathFields)
      refuseUnstorable(query)
      refuseUnstorable(typeof body === 'object' && body !== null ? Object.entries(body) : [['body', body]])
      const { id: requestId, log } = request
      const asked = { rights, url, query, body, addresses: () => clientAddresses(request), requestId }
      return send(reply, await handler({ db, policy, embargo, ...asked, now: now(), log }))
    })
  }
  app.all(`${BASE_PATH}*`, answer)
  app.all(BULK_ENROLL_PATH, answer)
}

function bytesOf({ body }: FastifyRequest): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0)
}

function send(reply: FastifyReply, { status, body, headers = {} }: Answer): FastifyReply {
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
