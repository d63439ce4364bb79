import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { openDatabase } from '../../core/database/open.ts'
import { startEmbeddedDatabase } from '../../embedded/start.ts'
import { migrateAll } from '../../server/migrations.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { openSilentProxy } from '../support/silent-proxy.ts'
import { startCallers, type Answer } from './callers.ts'
import { freeze, residentMb } from './freeze.ts'
import { SECRETS, startServerProcess } from './server-process.ts'

export interface Rehearsal {
  /** An empty directory of this rehearsal alone. */
  readonly dataDir: string
  /** What happens to the database: it stops as a whole, or every second connection to it goes silent. */
  readonly fault: 'frozen' | 'halfSilent'
  readonly faultMs: number
  readonly warmUpMs: number
  readonly callers: number
  /** Settings of the server, instead of the defaults. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Report {
  /** How many answers had each status, while the fault lasted. */
  readonly duringFault: Readonly<Record<number, number>>
  readonly slowestAnswerMs: number
  /** Between the end of the fault and the first second in which every answer was good. */
  readonly backAfterMs: number
  readonly healthzMs: { readonly p99: number; readonly max: number; readonly failed: number }
  /** Of the server: before, and the most while the fault lasted. */
  readonly memoryMb: { readonly before: number; readonly most: number }
}

/** Lets a server of its own live through a fault of its database under callers, and measures what they see. */
export async function rehearse({ dataDir, fault, faultMs, warmUpMs, callers, env = {} }: Rehearsal): Promise<Report> {
  await using undo = new AsyncDisposableStack()
  const { connectionString } = undo.use(await startEmbeddedDatabase({ dataDir, mode: 'owner', durable: false }))
  const proxy = undo.use(await openSilentProxy(connectionString))
  const { courseId, usernames } = await seed(connectionString)
  const server = undo.use(await startServerProcess({ DATABASE_URL: proxy.url, ...env }))

  const answers: Answer[] = []
  const where = { url: server.url, internalUrl: server.internalUrl, apiKey: SECRETS.EDX_API_KEY, token: 't'.repeat(32) }
  const probe = undo.use(startProbe(`${server.url}/healthz`))
  await using _ = startCallers({ ...where, courseId, usernames, count: callers }, (answer) => answers.push(answer))
  await sleep(warmUpMs)

  const before = residentMb(server.pid)
  probe.results.length = 0
  const beganAt = performance.now()
  const end = begin(fault, dataDir, proxy)
  let most = 0
  while (performance.now() - beganAt < faultMs) {
    await sleep(250)
    most = Math.max(most, residentMb(server.pid))
  }
  end()
  const endedAt = performance.now()
  const healthz = probe.results.splice(0)
  await sleep(6_000)

  const during = answers.filter(({ at }) => at >= beganAt && at < endedAt)
  const times = healthz.map(({ ms }) => ms).toSorted((a, b) => a - b)
  return {
    duringFault: countsOf(during),
    slowestAnswerMs: Math.round(answers.reduce((slowest, { ms }) => Math.max(slowest, ms), 0)),
    backAfterMs: Math.round(lastRefusal(answers, endedAt) - endedAt),
    healthzMs: {
      p99: Math.round(times[Math.floor(times.length * 0.99)] ?? Infinity),
      max: Math.round(times.at(-1) ?? Infinity),
      failed: healthz.filter(({ ok }) => !ok).length,
    },
    memoryMb: { before: Math.round(before), most: Math.round(most) },
  }
}

async function seed(connectionString: string) {
  await using db = openDatabase({ connectionString })
  await migrateAll(db)
  const courseId = await addCourse(db)
  const usernames = (await addLearners(db, 5_000)).map(({ username }) => username)
  return { courseId, usernames }
}

function begin(fault: Rehearsal['fault'], dataDir: string, proxy: Awaited<ReturnType<typeof openSilentProxy>>) {
  if (fault === 'frozen') {
    const { thaw } = freeze(dataDir)
    return thaw
  }
  const opened = proxy.opened()
  proxy.silence((number) => number < opened && number % 2 === 0)
  return () => proxy.resume()
}

function startProbe(url: string) {
  const results: { ok: boolean; ms: number }[] = []
  const worker = new Worker(new URL('./probe.ts', import.meta.url), { workerData: { url, everyMs: 50 } })
  worker.on('message', (result: { ok: boolean; ms: number }) => results.push(result))
  return {
    results,
    async [Symbol.asyncDispose]() {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has none
      worker.postMessage('end')
      await once(worker, 'exit')
    },
  }
}

function countsOf(answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

/** Callers that were refused after the fault had been refused before it ended, as far as they were asked again by then. */
function lastRefusal(answers: readonly Answer[], endedAt: number): number {
  return Math.max(endedAt, ...answers.filter(({ status, at }) => status !== 200 && at > endedAt).map(({ at }) => at))
}
