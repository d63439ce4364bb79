import { startChild } from '../child.ts'
import type { ProxyQuestion } from './proxy-process.ts'

/** A way to PostgreSQL that takes longer, in a process of its own: it takes no turn of the loop of the service. */
export interface FarPostgres extends AsyncDisposable {
  readonly connectionString: string
  /** Round trips that clients have waited for so far. */
  flushes(): Promise<number>
}

/** @param roundTripMs how much longer an answer takes. */
export async function openFarPostgres(connectionString: string, roundTripMs: number): Promise<FarPostgres> {
  await using undo = new AsyncDisposableStack()
  const child = undo.use(startChild<ProxyQuestion, number>(new URL('./proxy-process.ts', import.meta.url)))
  const url = new URL(connectionString)
  const target = { host: url.hostname, port: Number(url.port) }
  url.port = String(await child.ask({ ask: 'open', ...target, delayMs: roundTripMs / 2 }))
  url.hostname = '127.0.0.1'
  const stack = undo.move()
  return {
    connectionString: url.href,
    flushes: () => child.ask({ ask: 'flushes' }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
