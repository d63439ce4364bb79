import type { DB } from '../../core/database/schema.ts'
import type { DB as Tables } from './tables.ts'

/** The database as the extension sees it: its tables beside those of the core. */
export type LmsDB = DB & Pick<Tables, keyof Tables>
