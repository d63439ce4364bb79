import type { LmsValue } from '../source/source.ts'
import type { CourseKeys } from './course-keys.ts'

/** A value as text; null where there is none. */
export function textOf(value: LmsValue | undefined): string | null {
  if (value === null || value === undefined) return null
  return typeof value === 'object' ? value.toString('utf8') : String(value)
}

/** The same where empty text says nothing. */
export function textOrNull(value: LmsValue | undefined): string | null {
  const text = textOf(value)
  return text === '' ? null : text
}

/** A number; null where there is none. */
export function numberOf(value: LmsValue | undefined): number | null {
  const text = textOrNull(value)
  if (text === null) return null
  const number = Number(text)
  return Number.isFinite(number) ? number : null
}

/** A boolean of Django: 0 or 1. A column that a release lacks has the value given. */
export function flagOf(value: LmsValue | undefined, otherwise = false): boolean {
  const number = numberOf(value)
  return number === null ? otherwise : number !== 0
}

/** An instant (lms.md A.0): UTC without a zone, in ISO 8601; null for a zero date, or one that no calendar has. */
export function instantOf(value: LmsValue | undefined): string | null {
  const [, day, time] = INSTANT.exec(textOf(value) ?? '') ?? []
  if (day === undefined || time === undefined || ZERO.test(day)) return null
  const text = `${day}T${time}Z`
  return Number.isNaN(Date.parse(text)) ? null : text
}

const INSTANT = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)$/
const ZERO = /^0000|-00/

/** A UUID with hyphens, in lower case, whichever of its forms the column has (lms.md A.0); null where there is none. */
export function uuidOf(value: LmsValue | undefined): string | null {
  const raw = typeof value === 'object' && value !== null && value.length === 16 ? value.toString('hex') : textOf(value)
  const hex = (raw ?? '').replaceAll('-', '').toLowerCase()
  if (!/^[0-9a-f]{32}$/.test(hex)) return null
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** A country by its two capital letters; null where the value is none. */
export function countryOf(value: LmsValue | undefined): string | null {
  const country = textOf(value)?.trim().toUpperCase() ?? ''
  return /^[A-Z]{2}$/.test(country) ? country : null
}

/** The id of an account. */
export function idOf(value: LmsValue | undefined): number {
  return numberOf(value) ?? 0
}

/** A text of at most so many characters, and whether it had to be cut. */
export function cut(text: string, length: number): { readonly text: string; readonly isCut: boolean } {
  if (text.length <= length) return { text, isCut: false }
  const characters = [...text]
  return { text: characters.slice(0, length).join(''), isCut: characters.length > length }
}

/** The key of a course run that is here, in its spelling, and what is to be remarked of it; null: there is no such run. */
export function courseRunOf(
  value: LmsValue | undefined,
  courses: CourseKeys,
): { readonly key: string; readonly bent: readonly string[] } | null {
  const text = textOf(value) ?? ''
  const key = courses.spellingOf(text)
  return key === null ? null : { key, bent: key === text ? [] : [spelling(text, key)] }
}

/** The same for a key that need not be that of a course run here. */
export function anyCourseKeyOf(value: LmsValue | undefined, courses: CourseKeys) {
  return courseRunOf(value, courses) ?? { key: textOf(value) ?? '', bent: [] }
}

function spelling(text: string, key: string): string {
  return `course_id: '${text}' is written as the course run is: '${key}'`
}

/** Why a row of a course run that is not here is left aside. */
export function noCourseRun(value: LmsValue | undefined): string {
  return `there is no course run '${textOf(value) ?? ''}'`
}
