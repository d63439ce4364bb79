import { EnrollmentError, failure } from '../errors.ts'

/** A parsed course key. */
export interface CourseKey {
  /** The key as it was written, branch and version included. */
  readonly text: string
  /** The key that storage knows: without branch and version. */
  readonly stored: string
  readonly org: string
  readonly course: string
  readonly run: string
  /** Written in the old `org/course/run` style. */
  readonly deprecated: boolean
}

/** The longest key that storage can hold. */
export const MAX_COURSE_KEY_LENGTH = 255

// Python's `\w` for text: letters, numbers of every kind, underscore; combining marks are outside.
const WORD = String.raw`\p{L}\p{N}_`
const PART = `[${WORD}\\-~.:]+`
const SUFFIX = `(?:\\+branch@${PART})?(?:\\+version@[a-fA-F0-9]{24})?`

const COURSE_V1 = new RegExp(`^course-v1:(${PART})\\+(${PART})\\+(${PART})${SUFFIX}$`, 'u')
const CCX_V1 = new RegExp(`^ccx-v1:(${PART})\\+(${PART})\\+(${PART})${SUFFIX}\\+ccx@(${PART})$`, 'u')
const LIBRARY_V1 = new RegExp(`^library-v1:(${PART})\\+(${PART})${SUFFIX}$`, 'u')
const DEPRECATED = new RegExp(`^([${WORD}.%\\-]+)/([${WORD}.%\\-]+)/([${WORD}.%\\-]*)$`, 'u')

/**
 * Parses the text of a course key (rest-v1 §1.2): `course-v1:org+course+run` with an optional branch and version, the
 * library and CCX namespaces, or the old style of two slashes. A key of only a version, which names no organisation, is
 * malformed here.
 *
 * @returns the parts, or null when the text is no course key.
 */
export function parseCourseKey(text: string): CourseKey | null {
  return parseCourse(text) ?? parseCcx(text) ?? parseLibrary(text) ?? parseDeprecated(text)
}

function parseCourse(text: string): CourseKey | null {
  const [, org, course, run] = COURSE_V1.exec(text) ?? []
  if (!org || !course || !run) return null
  return { text, stored: `course-v1:${org}+${course}+${run}`, org, course, run, deprecated: false }
}

function parseCcx(text: string): CourseKey | null {
  const [, org, course, run, ccx] = CCX_V1.exec(text) ?? []
  if (!org || !course || !run || !ccx) return null
  return { text, stored: `ccx-v1:${org}+${course}+${run}+ccx@${ccx}`, org, course, run, deprecated: false }
}

function parseLibrary(text: string): CourseKey | null {
  const [, org, course] = LIBRARY_V1.exec(text) ?? []
  if (!org || !course) return null
  return { text, stored: `library-v1:${org}+${course}`, org, course, run: 'library', deprecated: false }
}

function parseDeprecated(text: string): CourseKey | null {
  const [, org, course, run] = DEPRECATED.exec(text) ?? []
  if (!org || !course || run === undefined) return null
  return { text, stored: text, org, course, run, deprecated: true }
}

/**
 * Parses the text of a course key.
 *
 * @throws {EnrollmentError} `invalidCourseKey`
 */
export function courseKeyOf(text: string): CourseKey {
  const key = parseCourseKey(text)
  if (key === null) throw new EnrollmentError(failure('invalidCourseKey', { courseId: text }))
  return key
}
