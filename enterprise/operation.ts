import { randomUUID } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import type { DB } from '../core/database/schema.ts'
import {
  adoptDatabase,
  retryOnSerializationFailure,
  withSavepoint,
  type Cancellation,
  type RunOptions,
} from '../routers/extension.ts'
import { createCaller, type Caller, type Context, type ForeignContext } from '../routers/index.ts'
import type { EnterpriseDB, EnterpriseTables } from './database/schema.ts'
import { errorFrom } from './failure.ts'

/**
 * Runs an exported operation on the database of its caller (rpc §1): a pool or a transaction, also of a Kysely with plugins and
 * type parsers of its own. Operations on one transaction run one after another, in the order in which they were called.
 *
 * @param work what the operation does; the database is a transaction where the caller has begun one. It may ask whether it was
 *   given up, because its time is over or nobody waits for it.
 * @param options `isLong` for what has many parts: each of them is bounded by the time-outs of the pool, and all together may
 *   take longer than a call.
 * @throws {TypeError} for a database that cannot work
 * @throws {EnrollmentError} `unavailable` where the database cannot be reached or ends the transaction
 * @throws what the work throws
 */
export async function runOperation<T, Tables extends DB>(
  { db }: Pick<ForeignContext<Tables>, 'db'>,
  work: (db: Kysely<EnterpriseDB>, isGivenUp: () => boolean, cancellation: Cancellation | undefined) => Promise<T>,
  options: RunOptions = {},
): Promise<T> {
  try {
    const run = (adopted: Kysely<DB>, cancellation: Cancellation | undefined) =>
      work(adopted.$extendTables<EnterpriseTables>(), () => cancellation?.isCancelled === true, cancellation)
    return await adoptDatabase(db).run(run, options)
  } catch (error) {
    throw errorFrom(error)
  }
}

/** What everything that one operation does has in common. */
export interface OperationContext {
  /** What the caller brought along, apart from the database and what is fixed below. */
  readonly context: Pick<Context, 'actor' | 'log' | 'policy'>
  readonly requestId: string
  /** The instant of the operation, ISO 8601, UTC. */
  readonly at: string
  /** Why it was asked for; null: nobody said. */
  readonly reason: string | null
}

/**
 * Fixes the instant of an operation, and the request that the audit trail names.
 *
 * @param options.ownId the request id where the caller has none.
 */
export function operationContextOf(
  { actor, log, policy, requestId, now }: Omit<Context, 'db'>,
  { reason, ownId = randomUUID() }: { readonly reason: string | undefined; readonly ownId?: string },
): OperationContext {
  return {
    context: { actor, log, policy },
    requestId: requestId ?? ownId,
    at: (now?.() ?? new Date()).toISOString(),
    reason: reason ?? null,
  }
}

/** The caller through which an operation enrolls, inside its transaction (enterprise C.0 E7). */
export function callerIn(
  trx: Transaction<EnterpriseDB>,
  operation: Pick<OperationContext, 'context' | 'requestId' | 'at'>,
): Caller {
  return callerOn(trx, operation)
}

/** The caller through which an operation reads what need not be in its transaction. */
export function callerOn(
  db: Kysely<EnterpriseDB>,
  { context, requestId, at }: Pick<OperationContext, 'context' | 'requestId' | 'at'>,
): Caller {
  return createCaller({ ...context, db, requestId, now: () => new Date(at) })
}

/**
 * Runs work that is kept whole or not at all: in a transaction of its own, which is repeated after a serialization conflict,
 * or under a savepoint of the caller's transaction.
 *
 * @throws {EnrollmentError} `unavailable` where every repetition met a conflict
 */
export function runAtomically<T>(
  db: Kysely<EnterpriseDB>,
  work: (trx: Transaction<EnterpriseDB>) => Promise<T>,
  cancellation?: Cancellation,
): Promise<T> {
  const attempt = () => withSavepoint(db, async (trx) => ({ keep: true, value: await work(trx) }))
  return retryOnSerializationFailure(db, attempt, cancellation)
}
