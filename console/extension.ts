import { join } from 'node:path'
import type { FastifyPluginAsync } from 'fastify'
import { readPageFiles } from '../server/console/files.ts'
import { consoleRoutes } from '../server/console/routes.ts'
import type { Extension, InternalRouteOptions } from '../server/extension.ts'
import { consoleOperations } from './reads/operations.ts'

/** The console as an extension of the server (bulk §6): a page on the private listener, and what it reads. */
export const consoleExtension: Extension = {
  name: 'console',
  operations: consoleOperations,
  internalRoutes: pageRoutes,
}

/** The built page is in the repository: nothing is compiled when a server starts (ADR 27). */
async function pageRoutes(...[app, options]: Parameters<FastifyPluginAsync<InternalRouteOptions>>): Promise<void> {
  await app.register(consoleRoutes, { ...options, files: readPageFiles(join(import.meta.dirname, 'built')) })
}
