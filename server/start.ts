import type { FastifyInstance } from 'fastify'
import { buildApp } from './app.ts'
import { bulkSteps } from './background/bulk/steps.ts'
import { startBulkWorker } from './background/bulk/worker.ts'
import { startBackground } from './background/start.ts'
import type { Config } from './config.ts'
import { ListenError } from './addresses.ts'
import { openServerDatabase, type ServerDatabase } from './database.ts'
import { loadDemoCatalogueIfEmpty } from './demo/index.ts'
import type { Extension } from './extension.ts'
import { checkEventBus, openEventBusOf } from './event-bus/start.ts'
import { builtInExtensions } from './extensions.ts'
import { listenerFaults } from './listener-faults.ts'
import { openListeners, type Addresses } from './listeners.ts'
import { loggerOptions, type LogOutput } from './log.ts'
import { openMetrics } from './metrics/open.ts'
import { reasonOfClientError } from './metrics/refusals.ts'
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
  checkEventBus(config, extensions)
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
  const faults = await listenerFaults(config)
  const opening = openServerDatabase(config, reports, extensions)
  const database = undo.use(faults.length === 0 ? await opening : await orAllFaults(opening, faults))
  // A catalogue of examples has no place in a database that somebody else runs.
  const isFirstStart = config.databaseUrl === undefined && (await loadDemoCatalogueIfEmpty(database.db))
  const metrics = openMetrics(database.db, extensions)
  const app = buildApp({
    db: database.db,
    config,
    secrets,
    extensions,
    metrics,
    logger: loggerOptions(config.logLevel, output),
  })
  const { log } = app
  const whileRunning = new AbortController()
  onConnectionLost = (error) => reportLater(log, error, whileRunning.signal)
  onWarning = (message, error) => log.warn(error === undefined ? {} : { reason: error.message }, message)
  for (const [message, error] of early) onWarning(message, error)
  undo.defer(() => app.close())
  const eventBus = await openEventBusOf(config, { db: database.db, log, extensions })
  if (eventBus !== null) undo.use(eventBus)
  const onClientError = (status: 400 | 408 | 431) => metrics.countRefusal(reasonOfClientError(status))
  const addresses = await openListeners(app, { ...config, onClientError })
  const policy = sitePolicy(config, log, extensions)
  const webhooks = { secretKeys: secrets.webhookKeys ?? [], allowedNetworks: config.webhooks.allowedNetworks }
  const observer = metrics.background
  const { db, connectionString } = database
  const steps = [...(eventBus?.steps ?? []), ...bulkSteps({ db, retentionDays: config.bulk.retentionDays })]
  undo.use(await startBulkWorker({ db, connectionString, log, policy }))
  undo.use(startBackground({ db: database.db, log, policy, webhooks, extensions, observer, steps }))
  const running = undo.move()
  const stop = () => {
    whileRunning.abort()
    return running.disposeAsync()
  }
  return { log, addresses, isFirstStart, [Symbol.asyncDispose]: stop }
}

/** Refuses to start with everything that is in the way: the listeners and, where it cannot be had either, the database. */
async function orAllFaults(opening: Promise<ServerDatabase>, faults: string[]): Promise<never> {
  try {
    await using _ = await opening
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error))
  }
  throw new ListenError(faults.join('\n'))
}

/**
 * Tells that a connection was lost, unless the process is about to stop: whoever stops a whole group of processes stops
 * its PostgreSQL a moment before, or a moment after.
 */
function reportLater(log: FastifyInstance['log'], error: Error, whileRunning: AbortSignal): void {
  setTimeout(() => {
    if (!whileRunning.aborted) log.warn({ err: error }, 'database connection lost')
  }, REPORT_MS).unref()
}

const REPORT_MS = 250
