/// <reference types="@fastify/cookie" preserve="true" />
/// <reference types="node" preserve="true" />
// enrollment-service/server: the whole server in this process.
export { startServer, type ServerInProcess, type StartServerOptions } from './server/start.ts'
export { ConfigError, type Config } from '../server/config.ts'
export type { ServerSettings } from './server/settings.ts'
export type { LogOutput } from '../server/log.ts'
export type { Extension, ExtensionRouteOptions, WorkerContext, Workers } from '../server/extension.ts'
