import { Counter } from '@prometheus-io/client'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { UUID_FORM } from '../../../enterprise/uuid.ts'
import { boundBodiesInWork } from '../../bodies-in-work.ts'
import type { ExtensionRouteOptions } from '../../extension.ts'
import { openEnterpriseThrottleCheck } from '../checks/throttle.ts'
import { followDjangoConventions } from '../django/framework.ts'
import type { EnterpriseApi } from './api.ts'
import { licensesExpirationView } from './bulk-licensed-enrollments-expiration.ts'
import { cancelFulfilmentView } from './cancel-fulfillment.ts'
import { courseEnrollmentsView } from './course-enrollments/index.ts'
import { enrollLearnersView } from './enroll-learners-in-courses.ts'
import { fulfilmentView } from './enterprise-subsidy-fulfillment.ts'
import { licenseRevokeView } from './license-revoke.ts'
import { admission, answerAdmitted, type EnterpriseView } from './serve.ts'
import { unenrolledView } from './unenrolled.ts'

const BASE = '/enterprise/api/v1'

/** What is no UUID is no customer: the path does not exist. */
const CUSTOMER = `${BASE}/enterprise-customer/:customer(${UUID_FORM})`

/** Who may see it learns that what is no UUID is no customer (enterprise-routes.md §7.6). */
const ANY_CUSTOMER = `${BASE}/enterprise-customer/:customer(^[^/.]+$)`

/** Who may see it learns that what is no UUID is no fulfilment. */
const FULFILMENT = `${BASE}/enterprise-subsidy-fulfillment/:fulfilment(^[A-Za-z0-9-]+$)`

const LICENSED = `${BASE}/licensed-enterprise-course-enrollment`

/** In bytes: ten thousand rows of 800 bytes. */
const BODY_LIMIT = 8 * 1024 * 1024

/** The routes of enterprise, as services of the platform call them (enterprise C.1). */
export const enterpriseV1: FastifyPluginAsync<ExtensionRouteOptions> = async (app, options) => {
  const { db, policy, settings, authentication, metrics, now } = options
  const createdFlag = settings.enterprise.legacyCreatedFlag ? 'compat' : 'strict'
  const superseded = new Counter({
    name: 'enrollment_superseded_transactions_total',
    help: 'Transactions that took over from another of the same record, which both ledgers may show',
    registers: [metrics],
  })
  const countSuperseded = () => superseded.inc()
  const api: EnterpriseApi = {
    db,
    policy,
    createdFlag,
    supersedes: settings.enterprise.supersede,
    countSuperseded,
    now,
  }

  const { requestDeadlineMs: maxWaitMs } = settings.limits
  const inWork = boundBodiesInWork({ maxBytes: 2 * BODY_LIMIT, bodyLimit: BODY_LIMIT, maxWaitMs })
  const admissionOptions = { authentication, throttle: openEnterpriseThrottleCheck(db, settings.rateLimits) }

  await followDjangoConventions(app)
  app.decorateRequest('admission')
  const serve = (url: string, viewOf: (params: PathParameters) => EnterpriseView) => {
    const parametersOf = ({ params }: FastifyRequest) => params as PathParameters // Fastify gives those of the path as texts.
    const admit = admission((request) => viewOf(parametersOf(request)), admissionOptions)
    app.all(url, { onRequest: [admit, inWork], bodyLimit: BODY_LIMIT }, answerAdmitted)
  }
  /** The path may end in a slash (enterprise-routes.md §1). */
  const serveBoth = (url: string, viewOf: (params: PathParameters) => EnterpriseView) => {
    serve(url, viewOf)
    serve(`${url}/`, viewOf)
  }
  serve(`${CUSTOMER}/enroll_learners_in_courses/`, ({ customer }) => enrollLearnersView(api, customer))
  serveBoth(`${ANY_CUSTOMER}/course_enrollments`, ({ customer }) => courseEnrollmentsView(api, customer))
  serveBoth(`${LICENSED}/license_revoke`, () => licenseRevokeView(api))
  serveBoth(`${LICENSED}/bulk_licensed_enrollments_expiration`, () => licensesExpirationView(api))
  serveBoth(FULFILMENT, ({ fulfilment }) => fulfilmentView(api, fulfilment))
  serveBoth(`${FULFILMENT}/cancel-fulfillment`, ({ fulfilment }) => cancelFulfilmentView(api, fulfilment))
  serveBoth(`${BASE}/operator/enterprise-subsidy-fulfillment/unenrolled`, () => unenrolledView(api))
}

/** What the path says; each route asks only for what stands in its own. */
interface PathParameters {
  readonly customer: string
  readonly fulfilment: string
}
