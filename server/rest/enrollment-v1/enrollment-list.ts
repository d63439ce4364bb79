import { coursesStaffedBy } from '../../../core/access/roles/course-staff.ts'
import type { Enrollment } from '../../../core/enrollment/command.ts'
import { listEnrollments } from '../../../core/enrollment/read.ts'
import type { ViewResponse } from '../django/response.ts'
import { postEnrollment } from './post-enrollment/index.ts'
import { keyOrAccount, mayActFor } from '../auth/rights.ts'
import { readAndRenderEnrollments } from './render.ts'
import type { View, ViewRequest } from '../view.ts'

/** R3, `enrollment`: the active enrollments of a learner, and the way to change one (rest-v1 §3.1, §3.2). */
export const enrollmentListView: View = {
  name: 'Enrollment List',
  authenticates: true,
  givesCsrfCookie: true,
  permits: keyOrAccount,
  methods: { GET: readEnrollments, POST: postEnrollment },
}

async function readEnrollments(request: ViewRequest): Promise<ViewResponse> {
  const { db, rights, query } = request
  const username = query.get('user') ?? rights.username
  const visible = mayActFor(rights, username)
    ? await listEnrollments(db, { username }, { includeInactive: false })
    : await staffedByCaller(request, username)
  const rendered = await readAndRenderEnrollments(db, visible, request)
  return { status: 200, body: rendered.filter((enrollment) => enrollment.course_details !== null) }
}

/**
 * A course team member sees which of their own courses the learner is in. For others the enrollments are not even read, so that
 * the time of the answer tells nothing.
 */
async function staffedByCaller({ db, rights: { account } }: ViewRequest, username: string): Promise<Enrollment[]> {
  if (account === null || !account.isActive) return []
  const staffed = await coursesStaffedBy(db, account.id)
  if (staffed.size === 0) return []
  const enrollments = await listEnrollments(db, { username }, { includeInactive: false })
  return enrollments.filter((enrollment) => staffed.has(enrollment.courseId))
}
