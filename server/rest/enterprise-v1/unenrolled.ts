import { listUnenrolled } from '../../../enterprise/fulfilments/list-unenrolled.ts'
import { globalStaff } from '../auth/rights.ts'
import type { Fields } from '../django/form.ts'
import { Refusal, type ViewResponse } from '../django/response.ts'
import { flagOf } from '../django/serializer-values.ts'
import type { EnterpriseApi } from './api.ts'
import { renderFulfilment } from './enterprise-subsidy-fulfillment.ts'
import { readInstant } from './instant.ts'
import type { EnterpriseView } from './serve.ts'

/**
 * `operator/enterprise-subsidy-fulfillment/unenrolled`: what paid for enrollments that have ended (enterprise-routes.md §2.5).
 * The ledger asks for it to give the money back.
 */
export function unenrolledView(api: EnterpriseApi): EnterpriseView {
  return {
    name: 'Unenrolled',
    permits: globalStaff,
    readsBody: false,
    methods: { GET: ({ query }) => list(api, query) },
  }
}

async function list(api: EnterpriseApi, query: Fields): Promise<ViewResponse> {
  const since = sinceOf(query.get('unenrolled_after') ?? '')
  const kind = wantsLicenses(query.get('retrieve_licensed_enrollments') ?? '') ? 'license' : 'transaction'
  const found = await listUnenrolled(api, { kind, ...(since !== null && { since }) })
  return { status: 200, body: found.map(renderFulfilment) }
}

function sinceOf(text: string): string | null {
  if (text === '') return null
  const instant = readInstant(text)
  if (instant !== null) return instant
  throw refusedField('unenrolled_after', `Datetime has wrong format. Use one of these formats instead: ${FORMATS}.`)
}

const FORMATS = 'YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]'

function wantsLicenses(text: string): boolean {
  if (text === '') return false
  const flag = flagOf(text.toLowerCase())
  if (flag === undefined) throw refusedField('retrieve_licensed_enrollments', 'Must be a valid boolean.')
  return flag
}

function refusedField(field: string, text: string): Refusal {
  return new Refusal({ status: 400, body: { [field]: [text] } })
}
