import { TRPCError } from '@trpc/server'
import type { Kysely } from 'kysely'
import type { DB } from '../core/database/schema.ts'
import type { TrackedPage } from '../core/tracked.ts'
import { callOf, parsed, reported, type CallContext, type CallOptions } from './call.ts'
import type { AnySubscription } from './operation.ts'
import { DONE, type OpenPages } from './page-items.ts'

/**
 * Begins a subscription, at the call and not when it is first read: what happens from then on is in it.
 *
 * @param path its name, e.g. `events.watch`.
 * @param input what the caller gave; what it throws is told as malformed input is.
 * @param options.signal ends it: the iterator is done then, without an error.
 * @throws {TRPCError} from its iterator.
 */
export function openSubscription(
  operation: AnySubscription,
  context: CallContext,
  path: string,
  input: () => unknown,
  { signal: outer }: CallOptions = {},
): OpenPages {
  const end = new AbortController()
  const signal = outer === undefined ? end.signal : AbortSignal.any([outer, end.signal])
  const pages = pagesOf(operation, context, path, input, signal)
  let first: Promise<IteratorResult<TrackedPage<unknown>, void>> | null = pages.next()
  first.catch(() => {})
  return {
    next() {
      const next = first ?? pages.next()
      first = null
      return next
    },
    async return() {
      end.abort()
      first = null
      await pages.return()
      return DONE
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

async function* pagesOf(
  operation: AnySubscription,
  context: CallContext,
  path: string,
  input: () => unknown,
  signal: AbortSignal,
): AsyncGenerator<TrackedPage<unknown>, void, void> {
  const { promise: outcome, resolve, reject } = Promise.withResolvers<void>()
  const told = reported(operation, context, path, () => outcome, signal)
  told.catch(() => {})
  try {
    const db = await poolOf(context, signal)
    const call = { db, ...callOf(context), signal }
    const read = parsed(operation, input()) as never // The schema of the operation has read it.
    let hasBegun = false
    for await (const page of operation.handler(call, read)) {
      if (!hasBegun) context.log?.debug({ path }, 'subscription begun')
      hasBegun = true
      yield page
    }
  } catch (error) {
    if (!signal.aborted) reject(error)
  } finally {
    resolve()
  }
  await told
}

/** @throws {TRPCError} BAD_REQUEST in a transaction, which sees nothing of what others do. */
async function poolOf({ database }: CallContext, signal: AbortSignal): Promise<Kysely<DB>> {
  // In an object, as what is awaited must not be taken for a promise.
  const { db } = await database.run(async (handle) => ({ db: handle }), { isLong: true, signal })
  if (!db.isTransaction) return db
  throw new TRPCError({ code: 'BAD_REQUEST', message: 'A subscription needs a pool; this caller is in a transaction.' })
}
