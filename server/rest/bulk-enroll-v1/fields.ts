import type { Kysely } from 'kysely'
import { parseCourseKey } from '../../../core/course/key.ts'
import type { DB } from '../../../core/database/schema.ts'
import { findMissingCohort, readManualCourses } from '../../../core/manual-enrollment/courses.ts'
import type { ManualCourse, ManualEnrollment } from '../../../core/manual-enrollment/request.ts'
import { NOT_FOUND, ownedByLms, Refusal } from '../django/response.ts'
import { fieldReader, type FieldReader } from '../django/serializer-fields.ts'
import type { JsonObject } from '../django/json.ts'

/** What a request of R9 asks for. */
export interface BulkEnrollment extends ManualEnrollment {
  /** Only repeated in the answer: this service writes to nobody. */
  readonly emailStudents: boolean
}

/** The most pairs of an identifier and a course run of one request. */
const MAX_PAIRS = 10_000

/**
 * Reads the fields of R9. All that is wrong with single fields is told together; what is wrong with several at once is
 * told only when each of them is fine (rest-v1 §3.9).
 *
 * @throws {Refusal} 400 with the texts by field; 404 for a course run that does not exist (D12), 403 for one that the LMS owns.
 */
export async function readBulkEnrollment(db: Kysely<DB>, body: JsonObject): Promise<BulkEnrollment> {
  const fields = fieldReader(body)
  const identifiers = splitIdentifiers(fields.text('identifiers'))
  const keys = readCourseKeys(fields)
  const cohorts = fields.list('cohorts', { isRequired: false })
  const action = fields.choice('action', ['enroll', 'unenroll'])
  const autoEnroll = fields.flag('auto_enroll')
  const emailStudents = fields.flag('email_students')
  const reason = fields.optionalText('reason')
  fields.refuseErrors()

  if (cohorts.length > 0 && action !== 'enroll') throw overall('Cohorts can only be used for enrollments.')
  if (cohorts.length > 0 && cohorts.length !== keys.length) {
    throw overall('If provided, the cohorts and courses should have equal number of items.')
  }
  if (identifiers.length * keys.length > MAX_PAIRS) {
    throw overall(`A request may hold at most ${MAX_PAIRS} pairs of an identifier and a course.`)
  }
  const courses = keys.map((key, index) => ({ key, cohort: cohorts[index] ?? null }))
  await requireCohorts(db, courses)
  await requireCourses(db, courses)
  return { action, identifiers, courses, autoEnroll, emailStudents, reason }
}

function splitIdentifiers(text: string): string[] {
  return text.split(/[\s,]+/u).filter((identifier) => identifier !== '')
}

/** The items are not trimmed; the first that is no key is told. */
function readCourseKeys(fields: FieldReader) {
  return fields.list('courses', { isRequired: true }).flatMap((text) => {
    const key = parseCourseKey(text)
    if (key === null) fields.report('courses', `Course key not valid: ${text}`)
    return key ?? []
  })
}

async function requireCohorts(db: Kysely<DB>, courses: readonly ManualCourse[]): Promise<void> {
  const missing = await findMissingCohort(db, courses)
  if (missing !== null) throw overall(`cohort ${missing.cohort} not found in course ${missing.key.text}.`)
}

async function requireCourses(db: Kysely<DB>, courses: readonly ManualCourse[]): Promise<void> {
  const known = await readManualCourses(db, courses)
  if (known.includes(null)) throw new Refusal(NOT_FOUND)
  const foreign = courses.find((_, index) => known[index]?.isOwnedHere === false)
  if (foreign !== undefined) throw new Refusal(ownedByLms(foreign.key.text))
}

function overall(text: string): Refusal {
  return new Refusal({ status: 400, body: { non_field_errors: [text] } })
}
