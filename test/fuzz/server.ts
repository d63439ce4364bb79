import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase } from '../../core/database/open.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

/** What the process of the server tells the fuzz. */
export type Report =
  | { readonly listens: { readonly url: string; readonly internal: string } }
  | { readonly failure: string }
  | { readonly busyMs: number }
  | { readonly memory: number }

/** A page that the server lets in. */
export const PAGE = 'https://learning.example.org'

const ENVIRONMENT = {
  // Limits are met, on the routes that always have some, without most requests ending there.
  RATE_LIMITS: 'off',
  RATE_LIMIT_USER: '3/second',
  RATE_LIMIT_STAFF: '50/second',
  TRUST_PROXY: '127.0.0.0/8',
  CORS_ORIGINS: PAGE,
  EMBARGO: 'on',
}

/** Turns of the event loop that are told, in milliseconds of processor time of its thread. */
const TOLD_MS = 25

if (process.send !== undefined) await serve(process.argv[2] ?? '')

/** Both listeners in a process of their own, so that its processor time and memory are theirs alone. */
async function serve(connectionString: string): Promise<void> {
  const db = openDatabase({ connectionString })
  const stream = { write: (line: string) => report({ failure: line }) }
  const { url, internal } = await openTestServer(
    buildTestApp({ db, env: ENVIRONMENT, logger: { level: 'error', stream } }),
  )
  process.on('message', () => report({ memory: memoryNow() }))
  process.on('disconnect', () => process.exit(0))
  report({ listens: { url, internal } })
  await watchTurns()
}

/** Between two timers that are due at once lies one turn of the event loop. */
async function watchTurns(): Promise<never> {
  let before = process.threadCpuUsage()
  for (;;) {
    await sleep(1)
    const now = process.threadCpuUsage()
    const busyMs = (now.user + now.system - before.user - before.system) / 1_000
    if (busyMs > TOLD_MS) report({ busyMs })
    before = now
  }
}

function memoryNow(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}

function report(message: Report): void {
  process.send?.(message)
}
