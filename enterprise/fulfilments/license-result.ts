import { isRetryable, type RefusalCode } from '../refusal.ts'
import type { FundedEnrollment } from './funded-enrollments.ts'
import type { RevocationResult } from './revoke-enrollments.ts'

/** What revoking a license did to one enrollment. */
export interface LicenseResult {
  license: string
  fulfilmentId: string
  userId: string
  courseId: string
  success: boolean
  did: 'movedToAudit' | 'unenrolled' | 'fundedOtherwise' | 'licenseEnded' | UnchangedReason | 'refused'
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
export type UnchangedReason = 'completed' | 'alreadyRevoked' | 'changedSince'

/** The result of an enrollment that stays as it is, with its license. */
export function unchangedResult(funded: FundedEnrollment, did: UnchangedReason): LicenseResult {
  return {
    ...identityOf(funded),
    success: true,
    did,
    message: MESSAGES[did],
    code: null,
    retryable: false,
    eventId: null,
  }
}

/** The result of an enrollment whose license was revoked, or refused to be. */
export function licenseResultOf(result: RevocationResult): LicenseResult {
  const identity = identityOf(result.revocation.funded)
  if (!result.ok) {
    const { code, message } = result.refusal
    return { ...identity, success: false, did: 'refused', message, code, retryable: isRetryable(code), eventId: null }
  }
  const did = result.isFundedOtherwise ? 'fundedOtherwise' : DONE[result.revocation.by]
  const { eventId } = result
  return { ...identity, success: true, did, message: MESSAGES[did], code: null, retryable: false, eventId }
}

function identityOf({ fundingId, fulfilmentId, userId, courseId }: FundedEnrollment) {
  return { license: fundingId, fulfilmentId, userId: String(userId), courseId }
}

const DONE = { unenrolling: 'unenrolled', movingToAudit: 'movedToAudit', keeping: 'licenseEnded' } as const

const MESSAGES: Record<Exclude<LicenseResult['did'], 'refused'>, string> = {
  completed: 'course already completed',
  movedToAudit: 'moved to audit',
  unenrolled: 'unenrolled',
  fundedOtherwise: 'license revoked, enrollment funded otherwise',
  // The course run exists no longer.
  licenseEnded: 'license revoked',
  alreadyRevoked: 'license already revoked',
  changedSince: 'enrollment changed since',
}
