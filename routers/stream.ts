import { createOrderedPipeline } from '../core/enrollment/ordered-pipeline.ts'
import { pipelined } from '../core/pipelined.ts'
import type { BatchAnswer, BatchResult } from './batch.ts'
import { callOperation, type CallContext } from './call.ts'
import type { AnyOperation } from './operation.ts'

export interface EnrollStreamOptions {
  /** Items of one chunk, 1 to 10 000; three chunks are in memory at a time. */
  readonly chunkSize?: number
}

/**
 * Carries out a batch operation for any number of items, a chunk at a time, in bounded memory: what `caller.enrollment.enrollStream`
 * does.
 *
 * @param operation takes `{ items }` and answers like `enrollment.enrollMany`.
 * @param context on a pool two chunks are on their way, and still equal those one after another.
 */
export async function* streamBatches<Item>(
  { path, operation }: { readonly path: string; readonly operation: AnyOperation },
  context: CallContext,
  items: Iterable<Item> | AsyncIterable<Item>,
  { chunkSize = 1000 }: EnrollStreamOptions = {},
): AsyncGenerator<BatchResult, void, void> {
  const { isPool } = context.database
  const ordered = isPool ? { ...context, pipeline: createOrderedPipeline() } : context
  const enroll = (chunk: readonly Item[]) => callOperation(operation, ordered, path, { items: chunk })
  let offset = 0
  for await (const answer of pipelined(chunked(items, chunkSize), enroll, isPool ? 2 : 1)) {
    const { results } = answer as BatchAnswer // What a batch operation answers.
    for (const result of results) yield { ...result, index: offset + result.index }
    offset += results.length
  }
}

async function* chunked<T>(items: Iterable<T> | AsyncIterable<T>, size: number): AsyncGenerator<T[], void, void> {
  let chunk: T[] = []
  try {
    for await (const item of items) {
      chunk.push(item)
      if (chunk.length < size) continue
      const full = chunk
      chunk = []
      yield full
    }
  } catch (error) {
    if (chunk.length > 0) yield chunk
    throw error
  }
  if (chunk.length > 0) yield chunk
}
