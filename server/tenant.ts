import { migrateEnterprise, pendingEnterpriseMigrations } from '../enterprise/database/migrate.ts'

/**
 * The tenant of this deployment: all that the rest of server/ knows of it. Without it the house is complete.
 */
export const tenant = {
  /** Stands before the names of its migrations. */
  name: 'enterprise',
  migrate: migrateEnterprise,
  pendingMigrations: pendingEnterpriseMigrations,
}
