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
      .select(['id', 'uuid', 'name'])
      .where('uuid', '=', canonical)
      .executeTakeFirst())
  if (!customer) throw new EnterpriseError('customerNotFound', { customer: uuid })
  return customer
}
