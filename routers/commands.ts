import type { z } from 'zod'
import { plainCommand, type EnrollmentCommand } from '../core/enrollment/command.ts'
import type { LearnerRef } from '../core/learner/ref.ts'
import { learnerOf, type changeFields, type enrollFields } from './inputs.ts'

/** The command of `enrollment.enroll` and of an item of `enrollment.enrollMany` (rpc §3.1). */
export function enrollCommand(
  input: LearnerRef & z.output<z.ZodObject<typeof enrollFields, z.core.$strict>>,
): EnrollmentCommand {
  return {
    ...plainCommand,
    learner: learnerOf(input),
    courseId: input.courseId,
    path: input.whenEnrolled === 'update' ? 'replace' : 'enroll',
    mode: input.mode ?? null,
    isActive: input.isActive,
    force: input.force,
    attributes: input.attributes ?? null,
    enterpriseUuid: input.enterpriseUuid ?? null,
    reason: input.reason ?? null,
  }
}

/** The command of `enrollment.change` and of an item of `enrollment.changeMany`. */
export function changeCommand(
  input: LearnerRef & z.output<z.ZodObject<typeof changeFields, z.core.$strict>>,
): EnrollmentCommand {
  return {
    ...plainCommand,
    learner: learnerOf(input),
    courseId: input.courseId,
    path: 'change',
    mode: input.mode ?? null,
    isActive: input.isActive ?? null,
    expiredModeWhenChanging: input.allowExpiredMode,
    attributes: input.attributes ?? null,
    expectedVersion: input.expectedVersion ?? null,
    reason: input.reason ?? null,
  }
}
