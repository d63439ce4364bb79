import { plainCommand, type EnrollmentCommand } from '../../core/enrollment/command.ts'

type Wish = Partial<EnrollmentCommand>

/** The command of `enrollment.enroll` without options (rpc §3.1). */
export function enrollCommand(wish: Wish = {}): EnrollmentCommand {
  return { ...BARE, path: 'enroll', isActive: true, activeFirst: true, ...wish }
}

/** The command of `enrollment.enroll` with `whenEnrolled: 'update'`. */
export function replaceCommand(wish: Wish = {}): EnrollmentCommand {
  return enrollCommand({ path: 'replace', ...wish })
}

/** The command of `enrollment.change`. */
export function changeCommand(wish: Wish = {}): EnrollmentCommand {
  return { ...BARE, path: 'change', activeFirst: true, ...wish }
}

/** The command of the legacy door's POST by a caller who is global staff or has the API key. */
export function privilegedPost(wish: Wish = {}): EnrollmentCommand {
  return { ...BARE, path: 'post', ...wish }
}

/** The command of the legacy door's POST by anybody else. */
export function learnersPost(wish: Wish = {}): EnrollmentCommand {
  return { ...BARE, path: 'enroll', ...wish }
}

/** The command of the bulk door for a person who has an active account. */
export function admitCommand(wish: Wish = {}): EnrollmentCommand {
  return { ...BARE, path: 'admit', isActive: true, activeFirst: true, ...wish }
}

/** The command of undoing: an active enrollment in the mode audit, unless told otherwise. */
export function restoreCommand(wish: Wish = {}): EnrollmentCommand {
  return { ...BARE, path: 'restore', mode: 'audit', isActive: true, expectedVersion: 3, ...wish }
}

const BARE: Omit<EnrollmentCommand, 'path'> = {
  ...plainCommand,
  learner: { username: 'alice' },
  courseId: 'course-v1:edX+DemoX+2026',
  activeFirst: false,
}
