import type { Kysely } from 'kysely'
import type { EnterpriseDB } from './database/schema.ts'

/** Whether somebody holds the role `enterprise_admin` for a customer (enterprise C.0 E8); null: there is no such customer. */
export async function isCustomerAdmin(
  db: Kysely<EnterpriseDB>,
  learnerId: number,
  customerUuid: string,
): Promise<boolean | null> {
  const customer = await db
    .selectFrom('enterprise_customers as c')
    .leftJoin('enterprise_customer_admins as a', (join) =>
      join.onRef('a.customer_id', '=', 'c.id').on('a.learner_id', '=', learnerId),
    )
    .select('a.learner_id')
    .where('c.uuid', '=', customerUuid)
    .executeTakeFirst()
  return customer === undefined ? null : customer.learner_id !== null
}
