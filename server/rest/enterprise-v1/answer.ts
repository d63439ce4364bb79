import type { DoneRow, RefusedRow, RowOutcome } from '../../../enterprise/bulk/answer.ts'
import type { RefusalCode } from '../../../enterprise/refusal.ts'
import type { BulkRow } from './request.ts'

/** The answer of the bulk route (enterprise C.7): every row is in one list, and each list has the order of the rows. */
export interface BulkAnswer {
  readonly successes: readonly Success[]
  readonly pending: readonly Pending[]
  readonly failures: readonly Failure[]
  /** One for each row whose id nobody has; only where there are any. */
  readonly invalid_user_ids?: readonly number[]
  /** Each once; only where there are any. */
  readonly invalid_email_addresses?: readonly string[]
}

interface Pending {
  readonly email: string | null
  readonly course_run_key: string
  readonly created: boolean
  readonly activation_link: null
}

interface Success extends Pending {
  readonly user_id: number
  readonly enterprise_fulfillment_source_uuid?: string
}

interface Failure {
  readonly user_id: number | null
  readonly email: string | null
  readonly course_run_key: string
}

/** What `created` says of a success: whether somebody has an enrollment now who had none, or, as the original, always yes. */
export type CreatedFlag = 'strict' | 'compat'

/**
 * Sorts the outcomes of rows into the lists of the original. Pure.
 *
 * @param rows those of the request; `outcomes[i]` is that of `rows[i]`.
 */
export function bulkAnswer(
  rows: readonly BulkRow[],
  outcomes: readonly RowOutcome[],
  createdFlag: CreatedFlag,
): { status: 201 | 202 | 409; body: BulkAnswer } {
  const answer: Lists = { successes: [], pending: [], failures: [], invalidUserIds: [], invalidEmails: [] }
  for (const [index, outcome] of outcomes.entries()) {
    const row = rows[index]
    if (row === undefined) throw new RangeError('Each outcome is that of a row')
    if (!outcome.ok) addRefused(answer, row, outcome)
    else if (outcome.userId === null) answer.pending.push(pendingOf(row, outcome))
    else answer.successes.push(successOf(row, outcome, Number(outcome.userId), createdFlag))
  }
  const { successes, pending, failures, invalidUserIds, invalidEmails } = answer
  const body = {
    successes,
    pending,
    failures,
    ...(invalidUserIds.length > 0 && { invalid_user_ids: invalidUserIds }),
    ...(invalidEmails.length > 0 && { invalid_email_addresses: [...new Set(invalidEmails)] }),
  }
  if (failures.length + invalidUserIds.length + invalidEmails.length > 0) return { status: 409, body }
  return { status: pending.length > 0 ? 202 : 201, body }
}

interface Lists {
  readonly successes: Success[]
  readonly pending: Pending[]
  readonly failures: Failure[]
  readonly invalidUserIds: number[]
  readonly invalidEmails: string[]
}

function pendingOf({ courseRunKey }: BulkRow, { email, created }: DoneRow): Pending {
  return { email, course_run_key: courseRunKey, created, activation_link: null }
}

function successOf(
  { courseRunKey }: BulkRow,
  { email, created, fulfilmentId }: DoneRow,
  userId: number,
  createdFlag: CreatedFlag,
): Success {
  return {
    user_id: userId,
    email,
    course_run_key: courseRunKey,
    created: created || createdFlag === 'compat',
    activation_link: null,
    ...(fulfilmentId !== null && { enterprise_fulfillment_source_uuid: fulfilmentId }),
  }
}

function addRefused(answer: Lists, row: BulkRow, { code, userId, email }: RefusedRow): void {
  const list = listOf[code]
  // An address as it was sent, so that whoever sent it finds it; that of the account where the row has an id.
  const address = row.userId === undefined ? (row.email ?? null) : email
  if (list === 'invalidUserIds' && row.userId !== undefined) answer[list].push(row.userId)
  else if (list === 'invalidEmails' && address !== null) answer[list].push(address)
  else {
    const id = userId === null ? (row.userId ?? null) : Number(userId)
    answer.failures.push({ user_id: id, email, course_run_key: row.courseRunKey })
  }
}

/** The list in which each refusal is told. */
const listOf: Readonly<Record<RefusalCode, Exclude<keyof Lists, 'successes' | 'pending'>>> = {
  learnerNotFound: 'invalidUserIds',
  invalidEmail: 'invalidEmails',
  linkForbidden: 'invalidEmails',
  identityMismatch: 'failures',
  enrollmentClosed: 'failures',
  courseFull: 'failures',
  modeNotAvailable: 'failures',
  courseNotFound: 'failures',
  invalidCourseKey: 'failures',
  vetoed: 'failures',
  cohortNotFound: 'failures',
  notEnrolled: 'failures',
  modeMismatch: 'failures',
  missingAttributes: 'failures',
  invalidAttribute: 'failures',
  fundingConflict: 'failures',
  invalidFunding: 'failures',
  modeDowngrade: 'failures',
  fulfilmentRevoked: 'failures',
  transactionReused: 'failures',
  conflict: 'failures',
  versionConflict: 'failures',
  busy: 'failures',
  notAttempted: 'failures',
  tooSlow: 'failures',
  idempotencyMismatch: 'failures',
  batchTooLarge: 'failures',
  ownedByLms: 'failures',
  webhookNotFound: 'failures',
  webhookDeliveryNotFound: 'failures',
  webhookDisabled: 'failures',
  webhookUrlRefused: 'failures',
  webhooksNotConfigured: 'failures',
  jobNotFound: 'failures',
  uploadNotFound: 'failures',
  batchNotFound: 'failures',
  jobNotEnded: 'failures',
  invalidFile: 'failures',
  invalidLine: 'failures',
  duplicateLine: 'failures',
  contradictingLine: 'failures',
  changedSince: 'failures',
  planChanged: 'failures',
  tooManyRemovals: 'failures',
  jobFailed: 'failures',
}
