import { openDatabase } from '../../core/database/open.ts'
import { defaultPolicy } from '../../core/policy.ts'
import { startBulkWorker } from '../../server/background/bulk/worker.ts'
import { answerParent } from '../child.ts'

// A process that works on bulk jobs: it begins when it is asked for the first time.

export interface WorkerQuestion {
  readonly connectionString: string
}

/** What the process has used so far. */
export interface WorkerAnswer {
  /** Of processors. */
  readonly microseconds: number
  /** Resident memory, in bytes. */
  readonly memory: number
}

const undo = new AsyncDisposableStack()
let began: Promise<void> | undefined

answerParent(
  async ({ connectionString }: WorkerQuestion): Promise<WorkerAnswer> => {
    await (began ??= begin(connectionString))
    const { user, system } = process.cpuUsage()
    return { microseconds: user + system, memory: process.memoryUsage.rss() }
  },
  () => undo.disposeAsync(),
)

async function begin(connectionString: string): Promise<void> {
  const db = undo.use(openDatabase({ connectionString }))
  const log = { error: (fields: object) => console.error(fields), warn: (fields: object) => console.error(fields) }
  undo.use(await startBulkWorker({ db, connectionString, policy: defaultPolicy, log }))
}
