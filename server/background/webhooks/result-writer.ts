import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import { writeResults, type AttemptResult, type DisabledWebhook } from '../../../core/webhook/results.ts'

/** Keeps what came of attempts. */
export interface ResultWriter {
  /** Soon, with all others that come until then. */
  add(result: AttemptResult): void
  /** How many of an endpoint are not written yet. */
  waitingOf(webhookId: string): number
  isEmpty(): boolean
  /** Resolves once all that were added are written. */
  written(): Promise<void>
}

export interface ResultWriterOptions {
  readonly db: Kysely<DB>
  readonly sender: string
  readonly now: () => Date
  /** Is aborted when the server leaves: what cannot be written then is sent again. */
  readonly signal: AbortSignal
  readonly onWritten: (disabled: readonly DisabledWebhook[]) => void
  readonly onFailed: (error: unknown) => void
}

/** Results of one statement. */
const MAX_RESULTS = 256

/** Milliseconds until a write that failed is tried again. */
const PAUSE_MS = 500

/** Writes one batch at a time: what comes meanwhile is the next one. While the database is away they wait. */
export function resultWriter({ db, sender, now, signal, onWritten, onFailed }: ResultWriterOptions): ResultWriter {
  let waiting: AttemptResult[] = []
  const counts = new Map<string, number>()
  let writing: Promise<void> | null = null

  const count = (results: readonly AttemptResult[], step: 1 | -1) => {
    for (const { webhookId } of results) counts.set(webhookId, (counts.get(webhookId) ?? 0) + step)
  }
  const writeAll = async () => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MAX_RESULTS)
      try {
        const disabled = await writeResults(db, batch, { sender, now: now() })
        waiting = waiting.slice(batch.length)
        count(batch, -1)
        onWritten(disabled)
      } catch (error) {
        if (signal.aborted) break
        onFailed(error)
        await sleep(PAUSE_MS, undefined, { ref: false })
      }
    }
    writing = null
  }
  return {
    add(result) {
      waiting.push(result)
      count([result], 1)
      writing ??= writeAll()
    },
    waitingOf: (webhookId) => counts.get(webhookId) ?? 0,
    isEmpty: () => waiting.length === 0,
    written: async () => void (await writing),
  }
}
