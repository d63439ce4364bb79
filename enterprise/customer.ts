import type { Kysely } from 'kysely'
import type { EnterpriseDB } from './database/schema.ts'
import { EnterpriseError } from './errors.ts'
import { canonicalUuid } from './uuid.ts'

export interface Customer {
  readonly id: number
  readonly uuid: string
}

interface NamedCustomer extends Customer {
  readonly name: string
  /** One that is not enrolls nobody; what it has paid for is ended and shown as ever. */
  readonly is_active: boolean
  /** Whether its learners may be put into cohorts. */
  readonly enable_autocohorting: boolean
}

/**
 * Finds a customer.
 *
 * @param uuid any text.
 * @throws {EnterpriseError} `customerNotFound`
 */
export async function findCustomer(db: Kysely<EnterpriseDB>, uuid: string): Promise<NamedCustomer> {
  const canonical = canonicalUuid(uuid)
  const customer =
    canonical !== null &&
    (await db
      .selectFrom('enterprise_customers')
      .select(['id', 'uuid', 'name', 'is_active', 'enable_autocohorting'])
      .where('uuid', '=', canonical)
      .executeTakeFirst())
  if (!customer) throw new EnterpriseError('customerNotFound', { customer: uuid })
  return customer
}

/**
 * Finds a customer that may enroll learners: as in edx-enterprise, one that is not active is not there (enterprise C.1).
 *
 * @param uuid any text.
 * @throws {EnterpriseError} `customerNotFound`
 */
export async function findActiveCustomer(db: Kysely<EnterpriseDB>, uuid: string): Promise<NamedCustomer> {
  const customer = await findCustomer(db, uuid)
  if (!customer.is_active) throw new EnterpriseError('customerNotFound', { customer: uuid })
  return customer
}
