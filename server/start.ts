import type { FastifyInstance } from 'fastify'
import { buildApp } from './app.ts'
import type { Config } from './config.ts'
import { openServerDatabase } from './database.ts'
import { loadDemoCatalogueIfEmpty } from './demo/index.ts'
import { openListeners, type Addresses } from './listeners.ts'
import { loggerOptions, type LogOutput } from './log.ts'
import { sitePolicy } from './policy.ts'
import { resolveSecrets } from './secrets.ts'
import { sweepFromTimeToTime } from './background/sweep.ts'
import { tenant } from './extensions.ts'

export interface RunningServer extends AsyncDisposable {
  readonly log: FastifyInstance['log']
  readonly addresses: Addresses
  /** Whether this start has loaded the demo catalogue. */
  readonly isFirstStart: boolean
}

/**
 * Starts everything in order: secrets, database, demo catalogue, both listeners. Disposing of it stops everything in
 * the opposite order: requests that run are finished first.
 *
 * @throws what went wrong, after everything that had been started is stopped again.
 */
export async function startServer(config: Config, output: LogOutput): Promise<RunningServer> {
  await using undo = new AsyncDisposableStack()
  const secrets = await resolveSecrets(config)
  let onConnectionLost = (_error: Error) => {}
  const database = await openServerDatabase(config, (error) => onConnectionLost(error))
  undo.use(database)
  // A catalogue of examples has no place in a database that somebody else runs.
  const isFirstStart = config.databaseUrl === undefined && (await loadDemoCatalogueIfEmpty(database.db))
  const app = buildApp({ db: database.db, config, secrets, logger: loggerOptions(config.logLevel, output) })
  const { log } = app
  onConnectionLost = (error) => log.warn({ err: error }, 'database connection lost')
  undo.defer(() => app.close())
  const addresses = await openListeners(app, config)
  undo.use(sweepFromTimeToTime(database.db, log))
  undo.use(tenant.startWorker({ db: database.db, log, policy: sitePolicy(config, log) }))
  const running = undo.move()
  return { log, addresses, isFirstStart, [Symbol.asyncDispose]: () => running.disposeAsync() }
}
