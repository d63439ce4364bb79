import { randomUUID } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { retryOnSerializationFailure, withSavepoint } from '../../routers/extension.ts'
import { type Context } from '../../routers/index.ts'
import type { EnterpriseDB, EnterpriseTables } from '../database/schema.ts'
import type { Unit } from '../bulk/unit.ts'
import { errorFrom } from '../failure.ts'

/** What all that one operation does has in common. */
export interface Operation extends Pick<Unit, 'context' | 'requestId' | 'at'> {
  readonly reason: string | null
}

/** Begins an operation: fixes its instant, and the request that its traces name. */
export function operationOf({ actor, log, policy, requestId, now }: Context, reason: string | undefined): Operation {
  return {
    context: { actor, log, policy },
    requestId: requestId ?? randomUUID(),
    at: (now?.() ?? new Date()).toISOString(),
    reason: reason ?? null,
  }
}

/**
 * Carries out work that is kept whole or not at all: in a transaction of its own, which is repeated where the database
 * breaks a tie, or under a savepoint of the caller's.
 *
 * @throws {EnrollmentError} `unavailable`: nothing was done, and on a pool the work is safe to repeat
 */
export async function carryOutWhole<T>(
  db: Kysely<DB>,
  work: (trx: Transaction<EnterpriseDB>) => Promise<T>,
): Promise<T> {
  try {
    return await retryOnSerializationFailure(db, () =>
      withSavepoint(db, async (trx) => ({ keep: true, value: await work(trx.$extendTables<EnterpriseTables>()) })),
    )
  } catch (error) {
    throw errorFrom(error)
  }
}
