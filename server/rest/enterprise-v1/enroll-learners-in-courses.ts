import type { Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import type { Policy } from '../../../routers/index.ts'
import { isCustomerAdmin } from '../../../enterprise/customer-admin.ts'
import type { EnterpriseTables } from '../../../enterprise/database/schema.ts'
import { enrollLearners } from '../../../enterprise/enroll-learners.ts'
import { EnterpriseError } from '../../../enterprise/errors.ts'
import { bulkAnswer, type CreatedFlag } from './answer.ts'
import type { DoorAnswer, DoorRequest, DoorView, Refuse } from './door.ts'
import { LISTS, readBulkRequest } from './request.ts'

/** What the routes of the tenant work with. */
export interface Facade {
  readonly db: Kysely<DB>
  readonly policy: Policy
  readonly createdFlag: CreatedFlag
  readonly now?: (() => Date) | undefined
}

/** The most rows of a request; whoever has more of them sends several, or calls in the process. */
export const MAX_ROWS = 10_000

/**
 * `enroll_learners_in_courses`: enrolls learners of a customer (enterprise C.0 E2, E8; C.1, C.7). For global staff, and
 * for whoever is an admin of that customer; others do not learn whether there is such a customer.
 */
export function bulkView(facade: Facade, refuse: Refuse): DoorView {
  return {
    name: 'Enroll learners in courses',
    async permits({ learnerId, isGlobalStaff }, { customer = '' }) {
      const isAdmin = await isCustomerAdmin(facade.db.$extendTables<EnterpriseTables>(), learnerId, customer)
      if (isAdmin === null && isGlobalStaff) throw notFound(refuse)
      return isGlobalStaff || isAdmin === true
    },
    methods: { POST: (request) => enroll(request, facade, refuse) },
  }
}

async function enroll(request: DoorRequest, facade: Facade, refuse: Refuse): Promise<DoorAnswer> {
  const { db, policy, createdFlag, now } = facade
  const { path, body, requester, requestId, log } = request
  if (mostRowsIn(body) > MAX_ROWS) throw refuse(413, `A request may hold at most ${MAX_ROWS} rows.`)
  const { rows, options } = readBulkRequest(request.fields())
  const context = { db, policy, now, requestId, log, actor: { kind: 'user' as const, name: requester.username } }
  const order = { customer: path['customer'] ?? '', rows: rows.map((row) => row.order), ...options }
  const answer = await enrollLearners(context, order).catch((error: unknown) => {
    throw error instanceof EnterpriseError && error.code === 'customerNotFound' ? notFound(refuse) : error
  })
  return bulkAnswer(rows, answer.rows, createdFlag)
}

/** Before anything is done for each of them. */
function mostRowsIn(body: unknown): number {
  if (typeof body !== 'object' || body === null) return 0
  const lists: unknown[] = LISTS.map((name) => Reflect.get(body, name))
  return Math.max(...lists.map((list) => (Array.isArray(list) ? list.length : 0)))
}

function notFound(refuse: Refuse): Error {
  return refuse(404, 'Not found.')
}
