import { cancelFulfilment, type CancelFulfilmentAnswer } from '../../../enterprise/fulfilments/cancel-fulfilment.ts'
import { detail, message, NOT_FOUND, UNAVAILABLE, type ViewResponse } from '../django/response.ts'
import { contextOf, fulfilmentOf, mayActForFulfilment, type EnterpriseApi } from './api.ts'
import { repeatPassing } from './repeat.ts'
import type { EnterpriseRequest, EnterpriseView } from './serve.ts'

/** Milliseconds for which failures that pass are repeated. */
const REPEAT_MS = 10_000

/** `enterprise-subsidy-fulfillment/{uuid}/cancel-fulfillment`: ends what a fulfilment pays for (enterprise-routes.md §2.4). */
export function cancelFulfilmentView(api: EnterpriseApi, fulfilmentId: string): EnterpriseView {
  return {
    name: 'Cancel fulfillment',
    permits: (rights) => mayActForFulfilment(api, fulfilmentId, rights),
    readsBody: false,
    methods: { POST: (request) => cancel(api, fulfilmentId, request) },
  }
}

async function cancel(api: EnterpriseApi, fulfilmentId: string, request: EnterpriseRequest): Promise<ViewResponse> {
  const cancelling = () => cancelFulfilment(contextOf(api, request), { fulfilmentId })
  const answer = await repeatPassing(cancelling, REPEAT_MS, isUnfinished)
  if (answer.outcome === 'cancelled') return { status: 204 }
  if (answer.outcome === 'alreadyRevoked') return detail(200, 'Enrollment is already canceled.')
  if (answer.outcome === 'fulfilmentNotFound') return NOT_FOUND
  if (answer.retryable) return UNAVAILABLE
  if (answer.code === 'ownedByLms') return message(403, answer.message)
  const { userId, courseId } = await fulfilmentOf(api, fulfilmentId)
  const what = `unable to unenroll User ${userId} from Course ${courseId}`
  return { status: 500, body: `Subsidized enrollment terminations error: ${what} because: ${answer.message}` }
}

function isUnfinished(answer: CancelFulfilmentAnswer): boolean {
  return answer.outcome === 'refused' && answer.retryable
}
