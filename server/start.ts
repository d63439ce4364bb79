import type { FastifyInstance } from 'fastify'
import { buildApp } from './app.ts'
import { startBackground } from './background/start.ts'
import type { Config } from './config.ts'
import { openServerDatabase } from './database.ts'
import { loadDemoCatalogueIfEmpty } from './demo/index.ts'
import type { Extension } from './extension.ts'
import { builtInExtensions } from './extensions.ts'
import { openListeners, type Addresses } from './listeners.ts'
import { loggerOptions, type LogOutput } from './log.ts'
import { sitePolicy } from './policy.ts'
import { resolveSecrets } from './secrets.ts'

export interface RunningServer extends AsyncDisposable {
  readonly log: FastifyInstance['log']
  readonly addresses: Addresses
  /** Whether this start has loaded the demo catalogue. */
  readonly isFirstStart: boolean
}

/**
 * Starts everything in order: secrets, database, demo catalogue, both listeners, background work. Disposing of it stops
 * everything in the opposite order: requests that run are finished first.
 *
 * @param extensions all of them; those that the server brings along unless given.
 * @throws what went wrong, after everything that had been started is stopped again.
 */
export async function startServer(
  config: Config,
  output: LogOutput,
  extensions: readonly Extension[] = builtInExtensions,
): Promise<RunningServer> {
  await using undo = new AsyncDisposableStack()
  const secrets = await resolveSecrets(config)
  // The log is there once the database is.
  const early: [string, Error | undefined][] = []
  let onWarning = (message: string, error?: Error): void => {
    early.push([message, error])
  }
  let onConnectionLost = (_error: Error) => {}
  const reports = {
    onConnectionLost: (error: Error) => onConnectionLost(error),
    onWarning: (message: string, error?: Error) => onWarning(message, error),
  }
  const database = await openServerDatabase(config, reports, extensions)
  undo.use(database)
  // A catalogue of examples has no place in a database that somebody else runs.
  const isFirstStart = config.databaseUrl === undefined && (await loadDemoCatalogueIfEmpty(database.db))
  const app = buildApp({
    db: database.db,
    config,
    secrets,
    extensions,
    logger: loggerOptions(config.logLevel, output),
  })
  const { log } = app
  onConnectionLost = (error) => log.warn({ err: error }, 'database connection lost')
  onWarning = (message, error) => log.warn(error === undefined ? {} : { reason: error.message }, message)
  for (const [message, error] of early) onWarning(message, error)
  undo.defer(() => app.close())
  const addresses = await openListeners(app, config)
  undo.use(startBackground({ db: database.db, log, policy: sitePolicy(config, log), extensions }))
  const running = undo.move()
  return { log, addresses, isFirstStart, [Symbol.asyncDispose]: () => running.disposeAsync() }
}
