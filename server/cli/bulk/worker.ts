import { openDatabase } from '../../../core/database/open.ts'
import { bulkSteps } from '../../background/bulk/steps.ts'
import { repeat } from '../../background/loop.ts'
import { sitePolicy } from '../../policy.ts'
import type { Session } from '../session.ts'

/**
 * Works on bulk jobs in this process until it is disposed of, as a server does: on whichever come, also those whose process was
 * killed.
 *
 * @throws where the database cannot be reached.
 */
export async function startWorkerHere(session: Session, connectionString: string): Promise<AsyncDisposable> {
  const config = session.config()
  const { bulk, limits, preparedStatements } = config
  const tell = (_: object, message: string) => void session.stderr.write(`${message}\n`)
  const log = { error: tell, warn: tell }
  // As in a server: rosters leave those alone whom an extension knows to be paid for.
  const policy = sitePolicy(config, log, session.extensions)
  // Only the few commands that work by themselves need the queue.
  const { startBulkWorker } = await import('../../background/bulk/worker.ts')
  await using undo = new AsyncDisposableStack()
  const db = openDatabase({ connectionString, poolSize: POOL_SIZE, preparedStatements, ...limits })
  undo.defer(() => db.destroy())
  undo.use(await startBulkWorker({ connectionString, db, log, policy }))
  const end = new AbortController()
  const steps = bulkSteps({ db, retentionDays: bulk.retentionDays })
  const repeated = Promise.all(steps.map((step) => repeat(step, log, end.signal)))
  undo.defer(async () => {
    end.abort()
    await repeated
  })
  const begun = undo.move()
  return { [Symbol.asyncDispose]: () => begun.disposeAsync() }
}

/** A few jobs at a time. */
const POOL_SIZE = 5
