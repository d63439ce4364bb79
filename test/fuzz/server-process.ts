import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Report } from './server.ts'

/** The server under test, as its own process sees itself. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string
  readonly internal: string
  /** Lines of the log that tell of a failure of ours. */
  readonly failures: readonly string[]
  /** The most processor time of one turn of the event loop so far, and how many turns took more than 250 ms. */
  busy(): { readonly mostMs: number; readonly turnsBeyond: number }
  /** Mebibytes that are in use after all garbage is gone. */
  memory(): Promise<number>
}

/** The most processor time of a request; a turn of the event loop may serve several. */
export const BUSY_LIMIT_MS = 250

export async function startServerProcess(connectionString: string): Promise<ServerProcess> {
  const failures: string[] = []
  const busy = { mostMs: 0, turnsBeyond: 0 }
  const child = fork(fileURLToPath(new URL('server.ts', import.meta.url)), [connectionString], {
    execArgv: ['--expose-gc'],
  })
  const listens = Promise.withResolvers<{ url: string; internal: string }>()
  let answerMemory: (mebibytes: number) => void = () => {}
  child.on('message', (report: Report) => {
    if ('listens' in report) listens.resolve(report.listens)
    else if ('failure' in report) failures.push(report.failure)
    else if ('memory' in report) answerMemory(report.memory)
    else {
      busy.mostMs = Math.max(busy.mostMs, report.busyMs)
      if (report.busyMs > BUSY_LIMIT_MS) busy.turnsBeyond += 1
    }
  })
  child.once('exit', (code) => {
    listens.reject(new Error(`the server ended with ${code}`))
    if (code !== 0) failures.push(`the server ended with ${code}`)
  })
  const { url, internal } = await listens.promise
  return {
    url,
    internal,
    failures,
    busy: () => busy,
    memory: () =>
      new Promise((resolve) => {
        answerMemory = resolve
        child.send('memory')
      }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}
