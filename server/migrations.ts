import type { Kysely } from 'kysely'
import { migrateToLatest, pendingMigrations } from '../core/database/migrate.ts'
import type { DB } from '../core/database/schema.ts'
import { tenant } from './extensions.ts'

/**
 * Brings the tables of the house and those of the tenant to the newest schema. Several processes may call it at once: of
 * each of the two, one does the work.
 *
 * @returns the names of the migrations that this call applied, the tenant's as `enterprise/0001_initial`.
 */
export async function migrateAll(db: Kysely<DB>): Promise<string[]> {
  const ofTheHouse = await migrateToLatest(db)
  const ofTheTenant = await tenant.migrate(db)
  return [...ofTheHouse, ...ofTheTenant.map((name) => `${tenant.name}/${name}`)]
}

/** Whether the database lacks no migration, of the house or of the tenant; changes nothing. */
export async function isAtNewestSchema(db: Kysely<DB>): Promise<boolean> {
  const pending = [...(await pendingMigrations(db)), ...(await tenant.pendingMigrations(db))]
  return pending.length === 0
}
