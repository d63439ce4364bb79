import { createLine } from '../core/enrollment/in-order.ts'
import { pipelined } from '../core/pipelined.ts'
import type { BatchResult } from './batch.ts'
import { enrollmentRouter } from './enrollment.ts'
import type { Caller } from './index.ts'
import { CONTEXT, DIRECT, type Direct, type RouterContext } from './trpc.ts'

type EnrollMany = Caller['enrollment']['enrollMany']

/** An item of `enrollment.enrollMany`. */
export type EnrollItem = Parameters<EnrollMany>[0]['items'][number]

export interface EnrollStreamOptions {
  /** Items of one round, 1 to 10 000; three rounds are in memory at a time. */
  readonly chunkSize?: number
}

/**
 * Enrolls any number of items: reads them as they come, and yields their results in order, in bounded memory. The
 * results equal those of the items one after another; each chunk is kept as it ends. On the pool a chunk is read and
 * decided while the one before it is written, unless it stands on what that one changes.
 *
 * @param caller decides where it happens: on the pool, or inside a transaction.
 * @returns results whose `index` counts from 0 over the whole stream.
 * The results of a chunk come when the source has given the one after it, on the pool the two after it, or has ended: a
 * source may not wait for them.
 *
 * @throws `TRPCError` when a chunk cannot be carried out as a whole, e.g. `unavailable`. What was yielded before stays, and
 *   the chunk after it may have been kept as well: items that were kept usually answer `unchanged` when they are sent again.
 */
export async function* enrollStream(
  caller: Caller,
  items: Iterable<EnrollItem> | AsyncIterable<EnrollItem>,
  { chunkSize = 1000 }: EnrollStreamOptions = {},
): AsyncGenerator<BatchResult, void, void> {
  const { enrollMany, atOnce } = inOrder(caller.enrollment.enrollMany)
  const answers = pipelined(chunked(items, chunkSize), (chunk) => enrollMany({ items: chunk }), atOnce)
  let offset = 0
  for await (const { results } of answers) {
    for (const result of results) yield { ...result, index: offset + result.index }
    offset += results.length
  }
}

/** The caller's function; on a pool one whose calls may overlap, two at a time, and still equal those one after another. */
function inOrder(enrollMany: EnrollMany & { [CONTEXT]?: RouterContext }): { enrollMany: EnrollMany; atOnce: number } {
  const ctx = enrollMany[CONTEXT]
  // Something else stands in for it, or it is bound to one connection.
  if (ctx === undefined || ctx.db.isTransaction) return { enrollMany, atOnce: 1 }
  const line = createLine()
  const procedure = enrollmentRouter.enrollMany as unknown as { [DIRECT]: Direct } // Made by `mutation`.
  const overlapping = (input: unknown) => procedure[DIRECT]({ ...ctx, line }, 'enrollment.enrollMany', input)
  return { enrollMany: overlapping as EnrollMany, atOnce: 2 } // The same procedure with the same input.
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
