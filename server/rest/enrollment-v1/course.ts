import type { ViewResponse } from '../django/response.ts'
import { noSuchCourse } from './no-such-course.ts'
import { readAndRenderCourse } from './render.ts'
import { anybody } from '../auth/rights.ts'
import type { View, ViewRequest } from '../view.ts'

/** R5, `course/{course_id}`: what a course run offers, for anybody (rest-v1 §3.4). */
export function courseView(courseId: string): View {
  return {
    name: 'Enrollment Course Detail',
    authenticates: false,
    permits: anybody,
    methods: { GET: (request) => readCourse(request, courseId) },
  }
}

async function readCourse({ db, policy, query, now }: ViewRequest, courseId: string): Promise<ViewResponse> {
  // Any text but the empty one says yes, `0` and `false` too.
  const includeExpired = (query.get('include_expired') ?? '') !== ''
  const course = await readAndRenderCourse(db, courseId, { includeExpired, policy, now })
  return course === null ? noSuchCourse(courseId) : { status: 200, body: course }
}
