/// <reference types="node" preserve="true" />
// enrollment-service/server: the whole server in this process.
export { startServer } from './server/start.ts'
export type { ServerInProcess, ServerSettings, StartServerOptions } from './server/start.ts'
export { ConfigError } from '../server/config.ts'
