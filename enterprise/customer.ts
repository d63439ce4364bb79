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
}

interface ActiveCustomer extends NamedCustomer {
  /** Whether its learners may be put into cohorts. */
  readonly hasCohorts: boolean
}

/**
 * Finds a customer.
 *
 * @param uuid any text.
 * @throws {EnterpriseError} `customerNotFound`
 */
export async function findCustomer(db: Kysely<EnterpriseDB>, uuid: string): Promise<NamedCustomer> {
  const { id, uuid: canonical, name } = await readCustomer(db, uuid)
  return { id, uuid: canonical, name }
}

/**
 * Finds a customer that may enroll learners: as in edx-enterprise, one that is not active is not there (enterprise C.0 E14).
 *
 * @param uuid any text.
 * @throws {EnterpriseError} `customerNotFound`
 */
export async function findActiveCustomer(db: Kysely<EnterpriseDB>, uuid: string): Promise<ActiveCustomer> {
  const { is_active: isActive, ...customer } = await readCustomer(db, uuid)
  if (!isActive) throw new EnterpriseError('customerNotFound', { customer: uuid })
  return customer
}

async function readCustomer(db: Kysely<EnterpriseDB>, uuid: string) {
  const canonical = canonicalUuid(uuid)
  const customer =
    canonical !== null &&
    (await db
      .selectFrom('enterprise_customers')
      .select(['id', 'uuid', 'name', 'is_active', 'enable_autocohorting as hasCohorts'])
      .where('uuid', '=', canonical)
      .executeTakeFirst())
  if (!customer) throw new EnterpriseError('customerNotFound', { customer: uuid })
  return customer
}
