import type { Enrollment } from '../../../../core/enrollment/command.ts'
import { getEnrollment } from '../../../../core/enrollment/read.ts'
import type { Account } from '../../../../core/learner/account.ts'
import type { Json } from '../../django/json.ts'
import type { ViewResponse } from '../../django/response.ts'
import { pythonText } from '../../django/text.ts'
import type { ViewRequest } from '../../view.ts'
import type { RequestedChange } from './errors.ts'

/** What the audit line tells of the request; `is_active` as it was sent. */
export interface AuditedChange extends RequestedChange {
  readonly activation: Json
}

/** A response with the enrollment as the change left it, where that is known. */
export interface ChangeResponse {
  readonly response: ViewResponse
  readonly enrollment?: Enrollment | undefined
}

/**
 * Makes a change and, for callers with the API key, writes after it the audit line of rest-v1 §3.2, whether it succeeded
 * or not; where nobody has the username there is nothing to write.
 */
export async function withAuditLine(
  { db, log, rights }: ViewRequest,
  { findAccount, ...requested }: AuditedChange & { readonly findAccount: () => Promise<Account | null> },
  change: () => Promise<ChangeResponse>,
): Promise<ViewResponse> {
  let changed: ChangeResponse | undefined
  try {
    changed = await change()
    return changed.response
  } finally {
    if (rights.hasApiKey) {
      const { username, courseId } = requested
      const actual = changed?.enrollment ?? (await getEnrollment(db, { username }, courseId))
      const userId = actual?.userId ?? (await findAccount())?.userId
      if (userId !== undefined) log.info(auditLine(requested, BigInt(userId), actual))
    }
  }
}

/** The line itself: keys in the order of the alphabet, values in Python's spelling. */
function auditLine({ courseId, mode, activation }: AuditedChange, userId: bigint, actual: Enrollment | null): string {
  const values: [string, Json][] = [
    ['actual_activation', actual && actual.isActive],
    ['actual_mode', actual && actual.mode],
    ['course_id', courseId],
    ['requested_activation', activation],
    ['requested_mode', mode],
    ['user_id', userId],
  ]
  return `enrollment_change_requested: ${values.map(([key, value]) => `${key}="${pythonText(value)}"`).join(', ')}`
}
