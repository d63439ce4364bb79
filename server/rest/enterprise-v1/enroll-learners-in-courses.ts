import type { Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import { isCustomerAdmin } from '../../../enterprise/customer-admin.ts'
import type { EnterpriseTables } from '../../../enterprise/database/schema.ts'
import type { EnrollLearnersRequest } from '../../../enterprise/bulk/request.ts'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { EnterpriseError } from '../../../enterprise/errors.ts'
import type { Policy } from '../../../routers/index.ts'
import { actorOf, type Rights } from '../auth/rights.ts'
import type { Json } from '../django/json.ts'
import { detail, NOT_FOUND, Refusal, type ViewResponse } from '../django/response.ts'
import { fieldReader } from '../django/serializer-fields.ts'
import { isArray, isObject } from '../django/text.ts'
import { bulkAnswer, type CreatedFlag } from './answer.ts'
import { LISTS, readBulkRequest } from './request.ts'
import type { EnterpriseRequest, EnterpriseView } from './serve.ts'

/** What the enterprise API works with. */
export interface EnterpriseApi {
  readonly db: Kysely<DB>
  readonly policy: Policy
  readonly createdFlag: CreatedFlag
  readonly now?: (() => Date) | undefined
}

/** The most rows of a request; whoever has more of them sends several, or calls in the process. */
const MAX_ROWS = 10_000

/**
 * `enroll_learners_in_courses`: enrolls learners of a customer (enterprise C.0 E2, E8; C.1, C.7). For global staff, and
 * for whoever is an admin of that customer; others do not learn whether there is such a customer.
 */
export function enrollLearnersView(api: EnterpriseApi, customer: string): EnterpriseView {
  return {
    name: 'Enroll learners in courses',
    permits: (rights) => mayEnrollFor(api, customer, rights),
    methods: { POST: (request) => enroll(api, customer, request) },
  }
}

async function mayEnrollFor({ db }: EnterpriseApi, customer: string, rights: Rights): Promise<boolean> {
  const { account, isGlobalStaff } = rights
  if (account === null) return false
  const isAdmin = await isCustomerAdmin(db.$extendTables<EnterpriseTables>(), account.id, customer)
  if (isAdmin === null && isGlobalStaff) throw new Refusal(NOT_FOUND)
  return isGlobalStaff || isAdmin === true
}

async function enroll(
  { db, policy, createdFlag, now }: EnterpriseApi,
  customer: string,
  { rights, body, requestId, log }: EnterpriseRequest,
): Promise<ViewResponse> {
  if (mostRowsIn(body) > MAX_ROWS) throw new Refusal(detail(413, `A request may hold at most ${MAX_ROWS} rows.`))
  const { rows, options } = readBulkRequest(fieldReader(body))
  const context = { db, policy, now, requestId, log, actor: actorOf(rights) }
  const request: EnrollLearnersRequest = {
    customer,
    rows: rows.map((row) => row.request),
    ...options,
    // Ids are small numbers: who may try them all must not read out the addresses of strangers (enterprise-routes §3(c)).
    userIdsOf: rights.isGlobalStaff ? 'everybody' : 'linked',
  }
  const answer = await enrollLearners(context, request).catch((error: unknown) => {
    throw error instanceof EnterpriseError && error.code === 'customerNotFound' ? new Refusal(NOT_FOUND) : error
  })
  return bulkAnswer(rows, answer.rows, createdFlag)
}

/** Before anything is done for each of them. */
function mostRowsIn(body: Json): number {
  if (!isObject(body)) return 0
  const lists = LISTS.map((name) => body[name] ?? null)
  return Math.max(...lists.map((list) => (isArray(list) ? list.length : 0)))
}
