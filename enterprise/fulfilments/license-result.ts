import { isRetryable, type RefusalCode } from '../bulk/refusal.ts'
import type { Ended } from './revoke.ts'
import type { PaidEnrollment } from './funded-enrollments.ts'

/** What the end of a license did to one enrollment. */
export interface LicenseResult {
  license: string
  fulfilmentId: string
  userId: string
  courseId: string
  success: boolean
  did: 'movedToAudit' | 'unenrolled' | LeftAlone | 'refused'
  /** For a person; of `completed`, `movedToAudit` and `unenrolled` in the words that clients parse. */
  message: string
  /** Of a refusal, otherwise null. */
  code: RefusalCode | null
  /** Whether the same may succeed if it is asked again. */
  retryable: boolean
  /** The event of the enrollment; null: it was not changed. */
  eventId: string | null
}

/** Why an enrollment stays as it is. */
export type LeftAlone = 'completed' | 'alreadyRevoked' | 'changedSince'

/** The result of an enrollment that stays as it is, with its license. */
export function leftAlone(paid: PaidEnrollment, did: LeftAlone): LicenseResult {
  return {
    ...identityOf(paid),
    success: true,
    did,
    message: MESSAGES[did],
    code: null,
    retryable: false,
    eventId: null,
  }
}

/** The result of an enrollment whose license has ended. */
export function licenseResultOf(ended: Ended): LicenseResult {
  const identity = identityOf(ended.end.paid)
  if (!ended.ok) {
    const { code, message } = ended.refusal
    return { ...identity, success: false, did: 'refused', message, code, retryable: isRetryable(code), eventId: null }
  }
  const did = ended.end.by === 'unenrolling' ? 'unenrolled' : 'movedToAudit'
  const { eventId } = ended.outcome
  return { ...identity, success: true, did, message: MESSAGES[did], code: null, retryable: false, eventId }
}

function identityOf({ fundingId, fulfilmentId, learnerId, courseId }: PaidEnrollment) {
  return { license: fundingId, fulfilmentId, userId: String(learnerId), courseId }
}

const MESSAGES: Record<Exclude<LicenseResult['did'], 'refused'>, string> = {
  completed: 'course already completed',
  movedToAudit: 'moved to audit',
  unenrolled: 'unenrolled',
  alreadyRevoked: 'license already revoked',
  changedSince: 'enrollment changed since',
}
