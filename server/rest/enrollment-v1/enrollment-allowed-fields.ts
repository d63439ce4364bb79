import { MAX_ALLOWED_EMAIL_LENGTH } from '../../../core/course/allowance.ts'
import { MAX_COURSE_KEY_LENGTH, parseCourseKey, type CourseKey } from '../../../core/course/key.ts'
import { message, Refusal } from '../django/response.ts'
import { noSuchCourse } from './no-such-course.ts'
import type { Json, JsonObject } from '../django/json.ts'
import { isFalsy, pythonText } from '../django/text.ts'

/** Whom a request of R8 is about, and where. */
export interface Invitation {
  readonly email: string
  /** As it was sent. */
  readonly courseId: string
  readonly key: CourseKey
}

/** Reads `email` and `course_id`, which both have to be there (rest-v1 §3.8, D1, D2). */
export function readInvitation({ email, course_id: courseId }: JsonObject): Invitation {
  if (isFalsy(email) || isFalsy(courseId)) {
    throw refuse("Please provide a value for 'email' and 'course_id' in the request data.")
  }
  if (typeof email !== 'string') throw refuse('email must be text.')
  if (typeof courseId !== 'string') throw refuse('course_id must be text.')
  const key = parseCourseKey(courseId)
  if (key === null || [...key.stored].length > MAX_COURSE_KEY_LENGTH) throw new Refusal(noSuchCourse(courseId))
  if ([...email].length > MAX_ALLOWED_EMAIL_LENGTH) {
    throw refuse(`email must be text of at most ${MAX_ALLOWED_EMAIL_LENGTH} characters.`)
  }
  return { email, courseId, key }
}

/** What the original's column takes for true and for false, and how forms send the values of JSON. */
const FLAGS: ReadonlyMap<Json, boolean> = new Map<Json, boolean>([
  ...([true, 1n, 1, 't', 'True', '1', 'true'] as const).map((value) => [value, true] as const),
  ...([false, 0n, 0, 'f', 'False', '0', 'false'] as const).map((value) => [value, false] as const),
])

/** Reads `auto_enroll`; absent and null are false. */
export function readAutoEnroll({ auto_enroll: value = null }: JsonObject): boolean {
  const flag = value === null ? false : FLAGS.get(value)
  if (flag === undefined) throw refuse(`auto_enroll must be true or false, not '${pythonText(value)}'.`)
  return flag
}

function refuse(text: string): Refusal {
  return new Refusal(message(400, text))
}
