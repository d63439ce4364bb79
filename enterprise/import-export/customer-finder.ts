import { sql, type Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'

/** Finds the ids of customers by the UUIDs in lines. */
export async function customerFinder(
  trx: Transaction<DB>,
  uuids: readonly string[],
  { others }: importFormat.Added,
): Promise<importFormat.Find> {
  const rows = await trx
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_customers')
    .select(['id', 'uuid as name'])
    .where('uuid', '=', sql<string>`any (${[...new Set(uuids)]}::uuid[])`)
    .execute()
  return importFormat.finder(rows, others)
}

/** The text for a UUID that no customer has. */
export function noCustomer(uuid: string): string {
  return `there is no customer '${uuid}'`
}
