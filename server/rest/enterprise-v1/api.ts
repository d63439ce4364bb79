import type { FastifyBaseLogger } from 'fastify'
import type { Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import { isCustomerAdmin } from '../../../enterprise/customer-admin.ts'
import type { EnterpriseTables } from '../../../enterprise/database/schema.ts'
import { getFulfilment } from '../../../enterprise/fulfilments/get-fulfilment.ts'
import { canonicalUuid } from '../../../enterprise/uuid.ts'
import type { FulfilmentDetails } from '../../../enterprise/fulfilments/read-fulfilments.ts'
import type { Context, Policy } from '../../../routers/index.ts'
import { actorOf, type Rights } from '../auth/rights.ts'
import { NOT_FOUND, Refusal } from '../django/response.ts'
import type { CreatedFlag } from './answer.ts'

/** What the enterprise API works with. */
export interface EnterpriseApi {
  readonly db: Kysely<DB>
  readonly policy: Policy
  readonly createdFlag: CreatedFlag
  /** Whether a transaction takes over from another that is not known to be committed. */
  readonly supersedes: boolean
  /** Counts a transaction that took over from another. */
  readonly countSuperseded: () => void
  readonly now?: (() => Date) | undefined
}

/** What a request brings along to the operations of the extension. */
export function contextOf(
  { db, policy, now }: EnterpriseApi,
  { rights, requestId, log }: { readonly rights: Rights; readonly requestId: string; readonly log: FastifyBaseLogger },
): Context {
  return { db, policy, now, requestId, log, actor: actorOf(rights) }
}

/**
 * Whether the caller may act for a customer (enterprise C.0 E8): global staff, and whoever is an admin of it.
 *
 * @param customer its UUID, in any form; any other text is no customer.
 * @throws {Refusal} 404 for staff, where there is no such customer; others do not learn that.
 */
export async function mayActForCustomer(api: EnterpriseApi, customer: string, rights: Rights): Promise<boolean> {
  const { account, isGlobalStaff } = rights
  if (account === null) return false
  const uuid = canonicalUuid(customer)
  const isAdmin = uuid && (await isCustomerAdmin(api.db.$extendTables<EnterpriseTables>(), account.id, uuid))
  if (isAdmin === null && isGlobalStaff) throw new Refusal(NOT_FOUND)
  return isGlobalStaff || isAdmin === true
}

/**
 * Whether the caller may act for the customer of a fulfilment; others do not learn whether there is one (enterprise-routes.md
 * §7.6).
 *
 * @param fulfilmentId any text.
 * @throws {Refusal} 404 for staff, where there is no such fulfilment.
 */
export async function mayActForFulfilment(api: EnterpriseApi, fulfilmentId: string, rights: Rights): Promise<boolean> {
  if (rights.account === null) return false
  const found = await getFulfilment(api, { fulfilmentId })
  if (found === null && rights.isGlobalStaff) throw new Refusal(NOT_FOUND)
  return found !== null && mayActForCustomer(api, found.customer, rights)
}

/** A fulfilment that was there a moment ago. */
export async function fulfilmentOf(api: EnterpriseApi, fulfilmentId: string): Promise<FulfilmentDetails> {
  const found = await getFulfilment(api, { fulfilmentId })
  if (found === null) throw new Refusal(NOT_FOUND)
  return found
}
