export { openDatabase, type Database, type OpenDatabaseOptions } from './open.ts'
export { migrateToLatest } from './migrate.ts'
export type { DB } from './schema.ts'
