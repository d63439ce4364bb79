import type { DB } from '../../core/database/schema.ts'
import type { DB as Tables } from './tables.ts'

/** The tables of the extension. */
export type EnterpriseTables = Pick<Tables, keyof Tables>

/** The database as the extension sees it: its tables beside those of core. */
export type EnterpriseDB = DB & EnterpriseTables
