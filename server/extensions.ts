import { migrateEnterprise, pendingEnterpriseMigrations } from '../enterprise/database/migrate.ts'
import { enterpriseHttp } from './rest/enterprise-v1/index.ts'
import { startEnterpriseWorker } from '../enterprise/worker.ts'
import { enterpriseLineTypes } from '../enterprise/import-export/line-types.ts'

/**
 * The tenant of this deployment: all that the rest of server/ knows of it. Without it the house is complete.
 */
export const tenant = {
  /** Stands before the names of its migrations. */
  name: 'enterprise',
  migrate: migrateEnterprise,
  pendingMigrations: pendingEnterpriseMigrations,
  /** Of the import format, beside those of the house. */
  lineTypes: enterpriseLineTypes,
  /** Its routes on the public listener. */
  routes: enterpriseHttp,
  /** What it does by itself while the server runs. */
  startWorker: startEnterpriseWorker,
}
