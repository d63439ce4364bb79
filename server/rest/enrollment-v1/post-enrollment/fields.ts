import { parseCourseKey, type CourseKey } from '../../../../core/course/key.ts'
import type { AttributeInput } from '../../../../core/enrollment/command.ts'
import type { Json, JsonObject } from '../../django/json.ts'
import { message, Refusal } from '../../django/response.ts'
import { isArray, isFalsy, isObject, pythonText } from '../../django/text.ts'
import { attributeLacksText } from './errors.ts'

// Each function reads one field of POST /enrollment and refuses what it may not hold, at the moment at which the order
// of checks comes to it (rest-v1 §3.2, D2).

/** `course_details.course_id`: rows 1 and 2. */
export function readCourseKey(body: JsonObject): CourseKey {
  const { course_details: details = {} } = body
  if (!isObject(details)) throw refuse('course_details must be an object.')
  const { course_id: text } = details
  if (isFalsy(text)) throw refuse('Course ID must be specified to create a new enrollment.')
  if (typeof text !== 'string') throw refuse('course_details.course_id must be text.')
  const key = parseCourseKey(text)
  if (key === null) throw refuse(`No course '${text}' found for enrollment`)
  return key
}

/** A name of the learner, `user` or `email`; whatever Python takes for false counts as absent. */
export function readName(body: JsonObject, field: 'user' | 'email'): string | null {
  return isFalsy(body[field]) ? null : readText(body, field)
}

/** `mode`: row 5; null counts as absent, an empty text does not. */
export function readMode(body: JsonObject): string | null {
  return readText(body, 'mode')
}

/** `cohort`: row 19; null counts as absent, an empty text does not. */
export function readCohort(cohort: Json): string | null {
  return readText({ cohort }, 'cohort')
}

function readText(body: JsonObject, field: 'user' | 'email' | 'mode' | 'cohort'): string | null {
  const value = body[field] ?? null
  if (value !== null && typeof value !== 'string') throw refuse(`${field} must be text.`)
  return value
}

/** `is_active`: row 9; null counts as absent. */
export function readActivation(body: JsonObject): boolean | null {
  return readFlag(body, 'is_active', 'enrollment activation')
}

/** `force_enrollment`: row 11; null counts as false. */
export function readForce(body: JsonObject): boolean {
  return readFlag(body, 'force_enrollment', 'force enrollment') ?? false
}

function readFlag(body: JsonObject, field: string, what: string): boolean | null {
  const value = body[field] ?? null
  if (value === null || typeof value === 'boolean') return value
  throw refuse(`'${pythonText(value)}' is an invalid ${what} status.`)
}

/** The most attributes of an enrollment (rest-v1 D19). */
const MAX_ATTRIBUTES = 100

/** What an attribute may be short of: its `value` is missed only when it is written, after the enrollment. */
const EARLY_PARTS = ['namespace', 'name'] as const
const MAX_PART_LENGTH = 255

/** `enrollment_attributes`: row 13; null leaves the attributes of the enrollment as they are. */
export function readAttributes(body: JsonObject): AttributeInput[] | null {
  const { enrollment_attributes: list = null } = body
  if (list === null) return null
  if (!isArray(list)) throw refuse('enrollment_attributes must be a list.')
  if (list.length > MAX_ATTRIBUTES) {
    throw refuse(`enrollment_attributes must hold at most ${MAX_ATTRIBUTES} attributes.`)
  }
  return list.map(readAttribute)
}

function readAttribute(attribute: Json): AttributeInput {
  if (!isObject(attribute)) throw refuse('enrollment_attributes must hold objects.')
  for (const part of EARLY_PARTS) {
    if (attribute[part] === undefined) throw refuse(attributeLacksText(part))
  }
  const { namespace, name, value } = attribute
  return { namespace: readPart(namespace), name: readPart(name), value: readPart(value) }
}

/** Numbers and truth values are kept in Python's spelling, as the original's text columns do. */
function readPart(part: Json | undefined): string | undefined {
  if (part === undefined) return undefined
  if (typeof part === 'object') throw refuse('enrollment_attributes must hold texts.')
  const text = pythonText(part)
  if ([...text].length > MAX_PART_LENGTH) {
    throw refuse(`enrollment_attributes must hold texts of at most ${MAX_PART_LENGTH} characters.`)
  }
  return text
}

/** `enterprise_uuid`, kept as it comes: clients send the text `None` where they have no uuid. */
export function readEnterpriseUuid({ enterprise_uuid: uuid }: JsonObject): string | null {
  return uuid === undefined || isFalsy(uuid) ? null : pythonText(uuid)
}

/** The most characters of an opt-in that are kept (rest-v1 D19). */
const MAX_OPT_IN_LENGTH = 255

/** `email_opt_in`, in Python's spelling of whatever was sent (rest-v1 §1.13); null counts as absent. */
export function readEmailOptIn({ email_opt_in: optIn = null }: JsonObject): string | null {
  if (optIn === null) return null
  const text = pythonText(optIn)
  if ([...text].length > MAX_OPT_IN_LENGTH) {
    throw refuse(`email_opt_in must be text of at most ${MAX_OPT_IN_LENGTH} characters.`)
  }
  return text
}

function refuse(text: string): Refusal {
  return new Refusal(message(400, text))
}
