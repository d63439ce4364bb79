import { parseCourseKey } from '../../../core/course/key.ts'
import { getEnrollment } from '../../../core/enrollment/read.ts'
import { HIDDEN, type ViewResponse } from '../django/response.ts'
import { noSuchCourse } from './no-such-course.ts'
import { keyOrAccount, mayActFor } from '../auth/rights.ts'
import { readAndRenderEnrollments } from './render.ts'
import type { View, ViewRequest } from '../view.ts'

interface EnrollmentPath {
  /** Null: the caller's own. */
  readonly username: string | null
  readonly courseId: string
}

/** R1 and R2, `enrollment/{username},{course_id}` and `enrollment/{course_id}`: one enrollment (rest-v1 §3.3). */
export function enrollmentView(path: EnrollmentPath): View {
  return {
    name: 'Enrollment',
    authenticates: true,
    givesCsrfCookie: true,
    permits: keyOrAccount,
    methods: { GET: (request) => readEnrollment(request, path) },
  }
}

async function readEnrollment(
  request: ViewRequest,
  { username: named, courseId }: EnrollmentPath,
): Promise<ViewResponse> {
  const { db, rights } = request
  const username = named ?? rights.username
  if (!mayActFor(rights, username)) return HIDDEN
  if (parseCourseKey(courseId) === null) return noSuchCourse(courseId)
  const enrollment = await getEnrollment(db, { username }, courseId)
  // Clients tell "not enrolled" by the empty body of a 200.
  if (enrollment === null) return { status: 200 }
  const [body] = await readAndRenderEnrollments(db, [enrollment], request)
  return { status: 200, body }
}
