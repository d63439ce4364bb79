export { startEmbeddedDatabase, type EmbeddedDatabase, type EmbeddedDatabaseOptions } from '../../embedded/start.ts'
export { migrateToLatest } from './migrate.ts'
export { openDatabase, type Database, type OpenDatabaseOptions } from './open.ts'
export type { DB } from './schema.ts'
