/// <reference types="node" preserve="true" />
// enrollment-service/database: open a database, bring it to the newest schema.
export * from '../core/database/index.ts'
export { migrate } from './migrate.ts'
