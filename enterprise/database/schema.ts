import type { DB } from '../../core/database/schema.ts'
import type { DB as Tables } from './tables.ts'

/** The tenant's own tables. */
export type EnterpriseTables = Pick<Tables, keyof Tables>

/** The database as the tenant sees it: its own tables beside those of the house. */
export type EnterpriseDB = DB & EnterpriseTables
