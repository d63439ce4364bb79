import type { ForwardedChange } from '../../server/extension.ts'

type Body = ForwardedChange['body']

/**
 * The body that the LMS gets. It believes the key, and so takes whoever shows it for somebody who may do anything, and for nobody
 * in particular: the learner is always named, by username; the e-mail opt-in, which would be that of the caller, is left out. A
 * learner who asks for themselves could change an enrollment that exists in ways that only staff may: mode and activation are
 * left out then, which leaves the way on which the LMS looks at its rules. Pure.
 *
 * @param enrollmentExists in the LMS.
 */
export function forwardedBody(
  { body, username, isPrivileged }: Pick<ForwardedChange, 'body' | 'username' | 'isPrivileged'>,
  enrollmentExists: boolean,
): string {
  const { email_opt_in: _optIn, email: _email, force_enrollment: _force, ...rest } = body
  const { mode: _mode, is_active: _isActive, ...restricted } = rest
  const sent: Body = { ...(isPrivileged || !enrollmentExists ? rest : restricted), user: username }
  return JSON.stringify(sent, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))
}
