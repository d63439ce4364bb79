import { courseKeyOf } from '../../../../core/course/key.ts'
import { inTransaction } from '../../../../core/database/transaction.ts'
import { EnrollmentError, failure } from '../../../../core/errors.ts'
import { emailOptInQuery } from '../../../../core/learner/email-opt-in.ts'
import { requireObject } from '../../django/body.ts'
import type { ViewResponse } from '../../django/response.ts'
import type { ViewRequest } from '../../view.ts'
import type { PostRequest } from './apply-change.ts'

/**
 * Answers a POST that is refused here because the LMS owns the course run: with what the LMS answers (adoption.md §3). The e-mail
 * opt-in of the caller is kept here, as the LMS knows no caller by its key.
 *
 * @throws {EnrollmentError} `unavailable` when the LMS does not answer, or the course run is on its way to another owner.
 */
export async function forwardPost(request: ViewRequest, post: PostRequest): Promise<ViewResponse> {
  const { db, rights, metadata, address, acceptLanguage, log, now, forward } = request
  const response = await forward?.({
    db,
    username: post.username,
    courseId: courseKeyOf(post.command.courseId).stored,
    body: requireObject(request.body),
    address,
    acceptLanguage,
    isPrivileged: rights.isPrivileged,
    metadata,
    log,
  })
  if (!response) throw new EnrollmentError(failure('unavailable', {}))
  const { emailOptIn: value, org } = post
  const { account } = rights
  if (response.status < 300 && value !== null && account !== null) {
    await inTransaction(db, (trx, { sendLast }) => sendLast([emailOptInQuery(trx, account, { org, value, now })]))
  }
  return response
}
