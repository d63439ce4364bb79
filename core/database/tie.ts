import type { Kysely } from 'kysely'
import { EnrollmentError, failure } from '../errors.ts'
import { isSerializationFailure } from './failure.ts'
import type { DB } from './schema.ts'

/** How often work is begun again after the database had to break a tie with another. */
const MAX_ATTEMPTS = 8

/**
 * Runs work that begins and ends a transaction, and again from its start where the database ended it to break a tie with
 * another (a deadlock, a serialization failure). In a caller's transaction the tie is its owner's: the work runs once.
 *
 * @param work leaves nothing behind when it throws.
 * @throws what the work threw; {@link EnrollmentError} `unavailable` where it lost every tie.
 */
export async function repeatOnTie<T>(db: Kysely<DB>, work: () => Promise<T>): Promise<T> {
  if (db.isTransaction) return work()
  let cause: unknown
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isSerializationFailure(error)) throw error
      cause = error
    }
  }
  throw new EnrollmentError(failure('unavailable', {}), { cause })
}
