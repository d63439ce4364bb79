import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { migrateEnterprise } from '../../enterprise/database/migrate.ts'
import type { EnterpriseDB, EnterpriseTables } from '../../enterprise/database/schema.ts'
import { createTestDatabase } from '../support/database.ts'

export interface EnterpriseDatabase extends AsyncDisposable {
  readonly db: Kysely<EnterpriseDB>
  readonly connectionString: string
}

/** A migrated, empty database of one's own, with the tables of the tenant. */
export async function createEnterpriseDatabase(): Promise<EnterpriseDatabase> {
  const database = await createTestDatabase()
  await migrateEnterprise(database.db)
  return { ...database, db: database.db.$extendTables<EnterpriseTables>() }
}

/** Adds a customer who has never been there before. */
export async function addCustomer(db: Kysely<EnterpriseDB>, name = 'ACME'): Promise<{ id: number; uuid: string }> {
  return db
    .insertInto('enterprise_customers')
    .values({ uuid: randomUUID(), name })
    .returning(['id', 'uuid'])
    .executeTakeFirstOrThrow()
}
