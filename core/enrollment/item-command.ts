import type { LearnerRef } from '../learner/ref.ts'
import { plainCommand, type AttributeInput, type EnrollmentCommand } from './command.ts'

/** What is asked of one enrollment beside the learner, as `enrollment.enroll` takes it (rpc §3.1). */
export interface EnrollFields {
  readonly courseId: string
  readonly mode?: string | undefined
  readonly isActive?: boolean | undefined
  readonly whenEnrolled?: 'keep' | 'update' | undefined
  readonly force?: boolean | undefined
  readonly enterpriseUuid?: string | undefined
  readonly attributes?: readonly AttributeInput[] | undefined
  readonly reason?: string | undefined
}

/** The same as `enrollment.change` takes it. */
export interface ChangeFields {
  readonly courseId: string
  readonly mode?: string | undefined
  readonly isActive?: boolean | undefined
  readonly allowExpiredMode?: boolean | undefined
  readonly attributes?: readonly AttributeInput[] | undefined
  readonly expectedVersion?: number | undefined
  readonly reason?: string | undefined
}

/** The command of `enrollment.enroll` and of an item of `enrollment.enrollMany` (rpc §3.1). */
export function enrollCommand(input: LearnerRef & EnrollFields): EnrollmentCommand {
  return {
    ...plainCommand,
    learner: learnerOf(input),
    courseId: input.courseId,
    path: input.whenEnrolled === 'update' ? 'replace' : 'enroll',
    mode: input.mode ?? null,
    isActive: input.isActive ?? true,
    force: input.force ?? false,
    attributes: input.attributes ?? null,
    enterpriseUuid: input.enterpriseUuid ?? null,
    reason: input.reason ?? null,
  }
}

/** The command of `enrollment.change` and of an item of `enrollment.changeMany`. */
export function changeCommand(input: LearnerRef & ChangeFields): EnrollmentCommand {
  return {
    ...plainCommand,
    learner: learnerOf(input),
    courseId: input.courseId,
    path: 'change',
    mode: input.mode ?? null,
    isActive: input.isActive ?? null,
    expiredModeWhenChanging: input.allowExpiredMode ?? false,
    attributes: input.attributes ?? null,
    expectedVersion: input.expectedVersion ?? null,
    reason: input.reason ?? null,
  }
}

/** The reference alone, without the fields beside it; names that are present but undefined do not count. */
export function learnerOf(input: LearnerRef): LearnerRef {
  const { username, email, userId } = input as { username?: string; email?: string; userId?: string }
  if (username !== undefined) return { username }
  if (email !== undefined) return { email }
  return { userId: userId ?? '' }
}
