import type { Enrollment } from '../../../../core/enrollment/command.ts'
import { getEnrollment } from '../../../../core/enrollment/read.ts'
import type { Account } from '../../../../core/learner/account.ts'
import type { Answer } from '../../django/answer.ts'
import type { Json } from '../../django/json.ts'
import { pythonText } from '../../django/text.ts'
import type { ViewRequest } from '../../django/view.ts'

/** What was asked for, in the client's own values. */
export interface Asked {
  readonly username: string
  readonly courseId: string
  readonly mode: string | null
  readonly activation: Json
}

/** An answer with the enrollment that it left behind, where it is known. */
export interface Settled {
  readonly answer: Answer
  readonly enrollment?: Enrollment | undefined
}

/**
 * Does the work of a POST and, for callers with the API key, writes after it the audit line of rest-v1 §3.2, whatever
 * came of it; where there is nobody of the name there is nothing to write.
 */
export async function audited(
  request: ViewRequest,
  { findAccount, ...asked }: Asked & { readonly findAccount: () => Promise<Account | null> },
  work: () => Promise<Settled>,
): Promise<Answer> {
  const { db, log, rights } = request
  let settled: Settled | undefined
  try {
    settled = await work()
    return settled.answer
  } finally {
    if (rights.hasApiKey) {
      const { username, courseId } = asked
      const left = settled?.enrollment ?? (await getEnrollment(db, { username }, courseId))
      const userId = left?.userId ?? (await findAccount())?.id
      if (userId !== undefined) log.info(auditLine(asked, BigInt(userId), left))
    }
  }
}

/** The line itself: keys in the order of the alphabet, values in Python's spelling. */
export function auditLine({ courseId, mode, activation }: Asked, userId: bigint, left: Enrollment | null): string {
  const values: [string, Json][] = [
    ['actual_activation', left && left.isActive],
    ['actual_mode', left && left.mode],
    ['course_id', courseId],
    ['requested_activation', activation],
    ['requested_mode', mode],
    ['user_id', userId],
  ]
  return `enrollment_change_requested: ${values.map(([key, value]) => `${key}="${pythonText(value)}"`).join(', ')}`
}
