import type { FulfilmentDetails } from '../../../enterprise/fulfilments/read-fulfilments.ts'
import { fulfilmentOf, mayActForFulfilment, type EnterpriseApi } from './api.ts'
import type { EnterpriseView } from './serve.ts'

/** `enterprise-subsidy-fulfillment/{uuid}`: what pays for an enrollment (enterprise-routes.md §2.3). */
export function fulfilmentView(api: EnterpriseApi, fulfilmentId: string): EnterpriseView {
  return {
    name: 'Enterprise subsidy fulfillment',
    permits: (rights) => mayActForFulfilment(api, fulfilmentId, rights),
    readsBody: false,
    methods: {
      GET: async () => ({ status: 200, body: renderFulfilment(await fulfilmentOf(api, fulfilmentId)) }),
    },
  }
}

/** The body of a fulfilment; the order of the keys is that on the wire. */
export function renderFulfilment(fulfilment: FulfilmentDetails): object {
  const { fulfilmentId, kind, fundingId, linkId, courseId, unenrolledAt, created } = fulfilment
  return {
    enterprise_course_enrollment: {
      enterprise_customer_user: Number(linkId),
      course_id: courseId,
      unenrolled_at: unenrolledAt,
      created,
    },
    [kind === 'license' ? 'license_uuid' : 'transaction_id']: fundingId,
    uuid: fulfilmentId,
  }
}
