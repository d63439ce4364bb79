import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { UUID_FORM } from '../../../enterprise/uuid.ts'
import { boundBodiesInWork } from '../../bodies-in-work.ts'
import type { ExtensionRouteOptions } from '../../extension.ts'
import { openEnterpriseThrottleCheck } from '../checks/throttle.ts'
import { followDjangoConventions } from '../django/framework.ts'
import { enrollLearnersView, type EnterpriseApi } from './enroll-learners-in-courses.ts'
import { admission, answerAdmitted, type EnterpriseView } from './serve.ts'

/** What is no UUID is no customer: the path does not exist. */
const CUSTOMER = `/enterprise/api/v1/enterprise-customer/:customer(${UUID_FORM})`

/** In bytes: ten thousand rows of 800 bytes. */
const BODY_LIMIT = 8 * 1024 * 1024

/** The routes of enterprise, as services of the platform call them (enterprise C.1). */
export const enterpriseV1: FastifyPluginAsync<ExtensionRouteOptions> = async (app, options) => {
  const { db, policy, settings, authentication, now } = options
  const createdFlag = settings.enterprise.legacyCreatedFlag ? 'compat' : 'strict'
  const api: EnterpriseApi = { db, policy, createdFlag, now }

  const { requestDeadlineMs: maxWaitMs } = settings.limits
  const inWork = boundBodiesInWork({ maxBytes: 2 * BODY_LIMIT, bodyLimit: BODY_LIMIT, maxWaitMs })
  const admissionOptions = { authentication, throttle: openEnterpriseThrottleCheck(db, settings.rateLimits) }

  await followDjangoConventions(app)
  app.decorateRequest('admission')
  const serve = (url: string, viewOf: (customer: string) => EnterpriseView) => {
    app.all(
      url,
      {
        onRequest: [admission((request) => viewOf(customerOf(request)), admissionOptions), inWork],
        bodyLimit: BODY_LIMIT,
      },
      answerAdmitted,
    )
  }
  serve(`${CUSTOMER}/enroll_learners_in_courses/`, (customer) => enrollLearnersView(api, customer))
}

/** The customer in the path. */
function customerOf({ params }: FastifyRequest): string {
  return (params as { customer: string }).customer // Every path here has it, and Fastify gives it as a text.
}
