import type { RowOutcome } from '../../../enterprise/bulk/answer.ts'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { EnterpriseError } from '../../../enterprise/errors.ts'
import type { Json } from '../django/json.ts'
import { detail, NOT_FOUND, Refusal, type ViewResponse } from '../django/response.ts'
import { fieldReader } from '../django/serializer-fields.ts'
import { isArray, isObject } from '../django/text.ts'
import { bulkAnswer } from './answer.ts'
import { contextOf, mayActForCustomer, type EnterpriseApi } from './api.ts'
import { LISTS, readBulkRequest, type BulkRow } from './request.ts'
import type { EnterpriseRequest, EnterpriseView } from './serve.ts'

/** The most rows of a request; whoever has more of them sends several, or calls in the process. */
const MAX_ROWS = 10_000

/**
 * Milliseconds for a request with transactions, whose consumer rolls them back after twenty seconds: what were kept later would
 * be paid by nothing (enterprise-routes.md §3 a7).
 */
const TRANSACTION_MS = 15_000

/**
 * `enroll_learners_in_courses`: enrolls learners of a customer (enterprise C.0 E2, E8; C.1, C.7). For global staff, and
 * for whoever is an admin of that customer; others do not learn whether there is such a customer.
 */
export function enrollLearnersView(api: EnterpriseApi, customer: string): EnterpriseView {
  return {
    name: 'Enroll learners in courses',
    permits: (rights) => mayActForCustomer(api, customer, rights),
    methods: { POST: (request) => enroll(api, customer, request) },
  }
}

async function enroll(
  api: EnterpriseApi,
  customer: string,
  { rights, body, requestId, log, signal }: EnterpriseRequest,
): Promise<ViewResponse> {
  if (mostRowsIn(body) > MAX_ROWS) throw new Refusal(detail(413, `A request may hold at most ${MAX_ROWS} rows.`))
  const { rows, options } = readBulkRequest(fieldReader(body))
  const context = contextOf(api, { rights, requestId, log })
  const request = {
    customer,
    rows: rows.map((row) => row.request),
    ...options,
    whenLicenseRevoked: 'reviveAlone',
    whenTransactionDiffers: api.supersedes ? 'supersede' : 'refuse',
    userIdsOf: rights.isGlobalStaff ? 'anybody' : 'linked',
  } as const
  const withinMs = request.rows.some(isPaidByTransaction) ? TRANSACTION_MS : undefined
  const answer = await enrollLearners(context, request, { signal, withinMs }).catch((error: unknown) => {
    throw error instanceof EnterpriseError && error.code === 'customerNotFound' ? new Refusal(NOT_FOUND) : error
  })
  tellSuperseded(answer.rows, log, api.countSuperseded)
  return { ...bulkAnswer(rows, answer.rows, api.createdFlag), isResult: true }
}

function isPaidByTransaction({ funding }: BulkRow['request']): boolean {
  return funding !== undefined && 'transaction' in funding
}

/** Both ledgers may show a charge: that is worth a look (enterprise-routes.md §3 a7). */
function tellSuperseded(rows: readonly RowOutcome[], log: EnterpriseRequest['log'], count: () => void): void {
  for (const row of rows) {
    if (!row.ok) continue
    const warning = row.warnings.find(({ code }) => code === 'transactionSuperseded')
    if (warning === undefined) continue
    count()
    log.warn({ ...warning.details, by: row.fulfilmentId }, 'a transaction took over from another')
  }
}

/** Before anything is done for each of them. */
function mostRowsIn(body: Json): number {
  if (!isObject(body)) return 0
  const lists = LISTS.map((name) => body[name] ?? null)
  return Math.max(...lists.map((list) => (isArray(list) ? list.length : 0)))
}
