import { message, type ViewResponse } from '../django/response.ts'

/** The response to a course id, of a path or a body, that no course run has (rest-v1 §3.4, D1). */
export function noSuchCourse(courseId: string): ViewResponse {
  return message(400, `No course found for course ID '${courseId}'`)
}
