import { isLockTimeout } from '../../core/database/failure.ts'
import { inTransaction } from '../../core/database/transaction.ts'
import { EnrollmentError, failure } from '../../core/errors.ts'
import type { ForwardChange } from '../../server/extension.ts'
import type { LmsConfig } from '../../server/lms/settings.ts'
import { forwardInside } from './forward-change.ts'
import { openGate } from './gate.ts'
import { openLms } from './lms.ts'

/** So many requests at a time are passed on; each holds a connection to the database. */
const MAX_RUNNING = 4
/** Milliseconds after which it is worth asking the LMS again. */
const RETRY_MS = 5_000
/** So many wait for their turn. */
const MAX_WAITING = 60

/**
 * What passes changes on to the LMS (adoption.md §3). Each keeps the owner of its course run in a transaction until it is answered
 * and taken over, so that a change of owner never comes between. That transaction writes nothing before, and holds no feed back.
 *
 * @returns undefined: `LMS_FORWARD` is off.
 */
export function openForwarding({ forward, url, apiKey, timeoutMs }: LmsConfig): ForwardChange | undefined {
  if (!forward || url === undefined || apiKey === undefined) return undefined
  const lms = openLms({ url, apiKey, timeoutMs })
  const gate = openGate(MAX_RUNNING, MAX_WAITING)
  return async (change) => {
    try {
      const answer = await gate(() => inTransaction(change.db, (trx) => forwardInside(trx, lms, change)))
      if (answer === 'away') throw new EnrollmentError(failure('unavailable', { retryAfterMs: RETRY_MS }))
      return answer
    } catch (error) {
      // The owner is being changed.
      if (isLockTimeout(error)) throw new EnrollmentError(failure('unavailable', {}), { cause: error })
      throw error
    }
  }
}
