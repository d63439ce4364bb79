import type { z } from 'zod'
import type { EnrollmentCommand } from '../core/enrollment/command.ts'
import type { LearnerRef } from '../core/learner/ref.ts'
import { learnerOf, type enrollFields } from './inputs.ts'

/** The command of `enrollment.enroll` and of an item of `enrollment.enrollMany` (rpc §3.1). */
export function enrollCommand(
  input: LearnerRef & z.output<z.ZodObject<typeof enrollFields, z.core.$strict>>,
): EnrollmentCommand {
  return {
    learner: learnerOf(input),
    courseId: input.courseId,
    path: input.whenEnrolled === 'update' ? 'replace' : 'enroll',
    mode: input.mode ?? null,
    isActive: input.isActive,
    activeFirst: true,
    force: input.force,
    expiredModeWhenAdding: false,
    expiredModeWhenChanging: false,
    attributes: input.attributes ?? null,
    expectedVersion: null,
    enterpriseUuid: input.enterpriseUuid ?? null,
    reason: input.reason ?? null,
  }
}
