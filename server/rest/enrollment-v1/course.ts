import type { Answer } from '../django/answer.ts'
import { noSuchCourse } from './errors.ts'
import { renderCourse } from './render.ts'
import { anybody } from '../auth/rights.ts'
import type { View, ViewRequest } from '../django/view.ts'

/** R5, `course/{course_id}`: what a course run offers, for anybody (rest-v1 §3.4). */
export function courseView(courseId: string): View {
  return {
    name: 'Enrollment Course Detail',
    authenticates: false,
    permits: anybody,
    methods: { GET: (request) => readCourse(request, courseId) },
  }
}

async function readCourse({ db, policy, query, now }: ViewRequest, courseId: string): Promise<Answer> {
  // Any text but the empty one says yes, `0` and `false` too.
  const includeExpired = (query.get('include_expired') ?? '') !== ''
  const course = await renderCourse(db, courseId, { includeExpired, policy, now })
  return course === null ? noSuchCourse(courseId) : { status: 200, body: course }
}
