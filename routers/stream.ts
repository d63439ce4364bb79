import type { BatchResult } from './batch.ts'
import type { Caller } from './index.ts'

/** An item of `enrollment.enrollMany`. */
export type EnrollItem = Parameters<Caller['enrollment']['enrollMany']>[0]['items'][number]

export interface EnrollStreamOptions {
  /** Items of one round, 1 to 10 000; two rounds are in memory at a time. */
  readonly chunkSize?: number
}

/**
 * Enrolls any number of items: reads them as they come, and yields their results in order, in bounded memory. The
 * results equal those of the items one after another; each chunk is kept as it ends. The next chunk is read, and the
 * results of the last one are used, while a chunk runs.
 *
 * @param caller decides where it happens: on the pool, or inside a transaction.
 * @returns results whose `index` counts from 0 over the whole stream.
 * @throws `TRPCError` when a chunk cannot be carried out as a whole, e.g. `unavailable`; what was yielded before stays.
 */
export async function* enrollStream(
  caller: Caller,
  items: Iterable<EnrollItem> | AsyncIterable<EnrollItem>,
  { chunkSize = 1000 }: EnrollStreamOptions = {},
): AsyncGenerator<BatchResult, void, void> {
  const chunks = chunked(items, chunkSize)
  let offset = 0
  let running: Promise<BatchResult[]> | undefined
  try {
    while (true) {
      // A source that fails takes nothing from the results of the items before it.
      const next = await chunks.next().catch((error: unknown) => ({ done: true, value: undefined, error }) as const)
      const results = await running
      running = undefined
      if (next.done !== true) running = enrollChunk(caller, next.value)
      // Awaited above or in the next turn; a consumer that stops in between must not leave a rejection behind.
      running?.catch(() => {})
      for (const result of results ?? []) yield { ...result, index: offset + result.index }
      offset += results?.length ?? 0
      if ('error' in next) throw next.error
      if (next.done === true) return
    }
  } finally {
    await running?.catch(() => {})
    await chunks.return()
  }
}

async function enrollChunk(caller: Caller, items: EnrollItem[]): Promise<BatchResult[]> {
  const { results } = await caller.enrollment.enrollMany({ items })
  return results
}

async function* chunked<T>(items: Iterable<T> | AsyncIterable<T>, size: number): AsyncGenerator<T[], void, void> {
  let chunk: T[] = []
  try {
    for await (const item of items) {
      chunk.push(item)
      if (chunk.length < size) continue
      yield chunk
      chunk = []
    }
  } catch (error) {
    if (chunk.length > 0) yield chunk
    throw error
  }
  if (chunk.length > 0) yield chunk
}
