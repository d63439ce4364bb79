import { parseCourseKey, type CourseKey } from '../../../../core/course/key.ts'
import type { AttributeInput } from '../../../../core/enrollment/command.ts'
import { message, Refusal } from '../../django/answer.ts'
import { attributeLacksText } from '../errors.ts'
import type { Json, JsonObject } from '../../django/json.ts'
import { isFalsy, isObject, pythonText } from '../../django/text.ts'

// Each function reads one field of POST /enrollment and refuses what it may not hold, at the moment at which the order
// of checks comes to it (rest-v1 §3.2, D2).

/** The body, which may be an object and nothing else. */
export function readBody(body: Json): JsonObject {
  if (!isObject(body)) throw refuse('The request body must be a JSON object.')
  return body
}

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

/** `mode` or `cohort`; null counts as absent, an empty text does not. */
export function readText(body: JsonObject, field: 'user' | 'email' | 'mode' | 'cohort'): string | null {
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

/** What an attribute may be short of: its `value` is missed only when it is written, after the enrollment. */
const EARLY_PARTS = ['namespace', 'name'] as const
const MAX_PART_LENGTH = 255

/** `enrollment_attributes`: row 13; null leaves the attributes of the enrollment as they are. */
export function readAttributes(body: JsonObject): AttributeInput[] | null {
  const { enrollment_attributes: list = null } = body
  if (list === null) return null
  if (!Array.isArray(list)) throw refuse('enrollment_attributes must be a list.')
  return (list as readonly Json[]).map(readAttribute)
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

function refuse(text: string): Refusal {
  return new Refusal(message(400, text))
}
