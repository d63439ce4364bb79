import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import type { Policy } from '../../../core/policy.ts'
import type { EmbargoConfig, RateLimits } from '../../config.ts'
import { admit, type Admission } from './admit.ts'
import type { Authentication } from '../auth/authenticate.ts'
import { clientAddresses } from '../gates/client-address.ts'
import { openEmbargoGate } from '../gates/embargo.ts'
import { readBody, send, followDjangoConventions } from '../django/framework.ts'
import { BASE_PATH, BULK_ENROLL_PATH } from './path.ts'
import { refuseUnstorable, refuseUnstorableBody } from '../django/storable.ts'
import { throttleGate } from '../gates/throttle.ts'
import { withErrorEnvelope } from '../django/view.ts'
import type { ViewSettings } from './views.ts'

export interface RestV1Options {
  readonly db: Kysely<DB>
  readonly policy: Policy
  readonly authentication: Authentication
  readonly settings: ViewSettings
  readonly rateLimits: RateLimits
  readonly embargo: EmbargoConfig
}

/**
 * The legacy door: the Enrollment API v1 of Open edX, byte for byte (rest-v1). It takes every path and method under its
 * base path, because the order in which it refuses is part of the contract: see `admit`.
 */
export const restV1: FastifyPluginAsync<RestV1Options> = async (app, options) => {
  const { db, policy, authentication, settings } = options
  const throttle = throttleGate(db, options.rateLimits)
  const embargo = await openEmbargoGate(db, options.embargo)

  await followDjangoConventions(app)
  app.decorateRequest('admission')
  app.addHook('onRequest', async (request, reply) => {
    request.setDecorator('admission', await admit(request, reply, { authentication, throttle, settings }))
  })

  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    const { handler, view, pathFields, query, url, rights, contentType } = request.getDecorator<Admission>('admission')
    return withErrorEnvelope(view, async () => {
      const body = await readBody(request, contentType)
      refuseUnstorable(pathFields)
      refuseUnstorable(query)
      refuseUnstorableBody(body)
      const { id: requestId, log } = request
      const asked = { rights, url, query, body, addresses: () => clientAddresses(request), requestId }
      return send(reply, await handler({ db, policy, embargo, ...asked, now: authentication.now(), log }))
    })
  }
  app.all(`${BASE_PATH}*`, answer)
  app.all(BULK_ENROLL_PATH, answer)
}
