import { isIP } from 'node:net'
import { EMAIL_FORM } from '../learner/email-address.ts'
import { z } from 'zod'
import { MAX_COURSE_KEY_LENGTH, parseCourseKey, type CourseKey } from '../course/key.ts'
import { isStorableText } from '../text.ts'
import { quote } from './printable.ts'

const MAX_INTEGER = 2_147_483_647

/** Text that the database can store, of `min` (1 unless given) to `max` characters. */
export function text({ min = 1, max }: { min?: number; max: number }) {
  return z.string({ error: expected('text') }).check((context) => {
    const problem = textProblem(context.value, min, max)
    if (problem !== null) context.issues.push({ code: 'custom', message: problem, input: context.value })
  })
}

/** `true` or `false`. */
export function flag() {
  return z.boolean({ error: expected('true or false') })
}

/** A whole number between two bounds. */
export function wholeNumber({ min = 0, max = MAX_INTEGER }: { min?: number; max?: number } = {}) {
  const error = expected(`a whole number from ${min} to ${max}`)
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error })
}

/** An e-mail address. */
export function email() {
  return text({ max: 254 }).regex(EMAIL_FORM, {
    error: (issue) => `${quote(String(issue.input))} is not an e-mail address`,
  })
}

/** A country by its two letters of ISO 3166. */
export function country() {
  return z.string({ error: expected('a country code such as FR') }).regex(/^[A-Z]{2}$/, {
    error: (issue) => `${quote(String(issue.input))} is not a country code such as FR`,
  })
}

/** A network, such as `192.0.2.0/24`, or one address. */
export function network() {
  return z.string({ error: expected('a network such as 192.0.2.0/24') }).refine(isNetwork, {
    error: (issue) => `${quote(String(issue.input))} is not a network such as 192.0.2.0/24`,
  })
}

function isNetwork(value: string): boolean {
  const [address = '', prefix, ...more] = value.split('/')
  const family = address.includes('%') ? 0 : isIP(address)
  const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
  return family !== 0 && isPrefix && more.length === 0
}

/** A course key, parsed. */
export function courseId() {
  return z.string({ error: expected('a course key') }).transform((value, context): CourseKey => {
    const key = parseCourseKey(value)
    if (key === null) return fail(context, value, `${quote(value)} is not a course key`)
    const problem = textProblem(key.stored, 1, MAX_COURSE_KEY_LENGTH)
    return problem === null ? key : fail(context, value, problem)
  })
}

/** An instant, in UTC and with microseconds. */
export function instant() {
  return z
    .string({ error: expected('an instant such as 2026-01-31T09:30:00Z') })
    .transform((value, context): string => {
      const read = parseInstant(value)
      return read ?? fail(context, value, `${quote(value)} is not an instant such as 2026-01-31T09:30:00Z`)
    })
}

function fail(context: z.RefinementCtx, input: unknown, message: string): never {
  context.issues.push({ code: 'custom', message, input })
  return z.NEVER
}

/** What a failure says of a value of another kind, or of none. */
export function expected(kind: string) {
  return (issue: { input?: unknown }): string => (issue.input === undefined ? 'is missing' : `must be ${kind}`)
}

function textProblem(value: string, min: number, max: number): string | null {
  if (!isStorableText(value)) return 'must not contain a NUL character or half of a surrogate pair'
  if (value.length < min) return 'must not be empty'
  if (value.length > max && [...value].length > max) return `is longer than ${max} characters`
  return null
}

/**
 * Reads an instant of ISO 8601 with `Z` or an offset, without losing microseconds.
 *
 * @returns the form that the database client gives (UTC, a fraction of six digits or none), so that equal instants are
 * equal texts; null for everything else, for days that no calendar has and for years outside 0001 to 9999.
 */
export function parseInstant(text: string): string | null {
  const [, day, time, seconds = '00', digits = '', sign, hours, minutes] = INSTANT.exec(text) ?? []
  if (day === undefined || time === undefined) return null
  const local = new Date(`${day}T${time}:${seconds}Z`)
  // A day past the end of its month, and the hour 24, roll over instead of failing; no date at all has no day.
  if (local.getUTCDate() !== Number(day.slice(8))) return null
  const utc = sign === undefined ? `${day}T${time}:${seconds}` : atOffset(local, sign, Number(hours), Number(minutes))
  if (utc === null || utc.startsWith('0000')) return null
  return `${utc}${ZEROS.test(digits) ? '' : `.${digits.padEnd(6, '0')}`}Z`
}

const ZEROS = /^0*$/

/** The instant in UTC, to the second; null where no such offset or no year of four digits comes out. */
function atOffset(local: Date, sign: string, hours: number, minutes: number): string | null {
  if (minutes > 59) return null
  const offset = (hours * 60 + minutes) * 60_000 * (sign === '-' ? -1 : 1)
  const utc = new Date(local.getTime() - offset).toISOString()
  return /^\d{4}-/.test(utc) ? utc.slice(0, 19) : null
}

const INSTANT = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(?:Z|([+-])(\d\d):?(\d\d))$/
