import { z } from 'zod'
import { country, courseId, email, expected, flag, instant, text, wholeNumber } from './fields.ts'
import { printable, quote } from './printable.ts'

const username = text({ max: 150 })
const SUGGESTED_PRICES = /^(\d+(\.\d+)?(, ?\d+(\.\d+)?)*)?$/
const NEVER_EXPIRE: readonly string[] = ['professional', 'no-id-professional']

const attribute = z.strictObject(
  { namespace: text({ min: 0, max: 255 }), name: text({ min: 0, max: 255 }), value: text({ min: 0, max: 255 }) },
  { error: wrongObject('an object of namespace, name and value') },
)

/**
 * The import format (run §4): one schema a type of line. A key that is left out has its default, so that a line says all
 * about its row; only `id`, `created`, `attributes` and `claimedBy` that are left out stay as they are. What may be empty may
 * also be `null`: that is how an export writes it.
 */
export const lineSchemas = {
  user: line('user', {
    // The id of the LMS or, with `idDrawnHere`, one that an export has written of an account that the LMS did not know.
    id: wholeNumber({ min: 1 }).optional(),
    idDrawnHere: flag().default(false),
    username,
    // Null: the account has none, as one that was created by a token.
    email: email().nullable(),
    name: text({ min: 0, max: 255 }).default(''),
    isActive: flag().default(true),
    isStaff: flag().default(false),
    isSuperuser: flag().default(false),
    country: country().nullable().default(null),
    yearOfBirth: wholeNumber({ min: 1, max: 9999 }).nullable().default(null),
  }),
  course: line('course', {
    courseId: courseId(),
    displayName: text({ min: 0, max: 255 }).nullable().default(null),
    start: instant().nullable().default(null),
    end: instant().nullable().default(null),
    enrollmentStart: instant().nullable().default(null),
    enrollmentEnd: instant().nullable().default(null),
    invitationOnly: flag().default(false),
    maxEnrollments: wholeNumber().nullable().default(null),
    selfPaced: flag().default(false),
  }),
  mode: line('mode', {
    courseId: courseId(),
    slug: text({ max: 100 }),
    // The slug unless given.
    name: text({ min: 0, max: 255 }).optional(),
    minPrice: wholeNumber().default(0),
    suggestedPrices: text({ min: 0, max: 255 })
      .regex(SUGGESTED_PRICES, { error: 'must be numbers separated by commas' })
      .default(''),
    currency: text({ max: 8 })
      .regex(/^[A-Za-z]+$/, { error: "must be letters such as 'usd'" })
      .toLowerCase()
      .default('usd'),
    expires: instant().nullable().default(null),
    description: text({ min: 0, max: 10_000 }).nullable().default(null),
    sku: text({ min: 0, max: 255 }).nullable().default(null),
    bulkSku: text({ min: 0, max: 255 }).nullable().default(null),
  }).refine(({ slug, expires }) => expires === null || !NEVER_EXPIRE.includes(slug), {
    path: ['expires'],
    error: 'a professional mode may not expire',
  }),
  role: line('role', {
    username,
    role: text({ max: 64 }),
    org: text({ max: 255 }),
    courseId: courseId().nullable().default(null),
  }),
  cohort: line('cohort', { courseId: courseId(), name: text({ max: 255 }) }),
  allowance: line('allowance', {
    email: email(),
    courseId: courseId(),
    autoEnroll: flag().default(false),
    claimedBy: username.nullable().optional(),
  }),
  enrollment: line('enrollment', {
    username,
    courseId: courseId(),
    mode: text({ max: 100 }),
    isActive: flag().default(true),
    created: instant().optional(),
    attributes: z
      .array(attribute, { error: expected('a list') })
      .max(100, { error: 'has more than 100 items' })
      .optional(),
  }),
  retirement: line('retirement', { username, state: text({ max: 30 }) }),
  embargo: line('embargo', {
    courseId: courseId(),
    whitelist: z.array(country(), { error: expected('a list of countries') }).default([]),
    blacklist: z.array(country(), { error: expected('a list of countries') }).default([]),
    messageKey: text({ max: 255 }).default('default'),
  }),
}

export type LineType = keyof typeof lineSchemas
export type LineOf<T extends LineType> = z.output<(typeof lineSchemas)[T]>
/** A line as it is written. */
export type LineInput<T extends LineType> = z.input<(typeof lineSchemas)[T]>

/** Accounts and course runs, which other lines refer to, come first. */
export const lineTypes = Object.keys(lineSchemas) as readonly LineType[] // The schemas have no other keys.

/** A line of whatever type. */
export interface AnyLine {
  readonly type: string
}

/** What the lines of a file may be: their schemas by type. */
export type LineFormat = ReadonlyMap<string, z.ZodType<AnyLine>>

/** The import format, with the types of lines of extensions beside its own. */
export function lineFormat(further: readonly { readonly type: string; readonly schema: z.ZodType<AnyLine> }[] = []) {
  const ofFurther = further.map(({ type, schema }) => [type, schema] as const)
  return new Map<string, z.ZodType<AnyLine>>([...Object.entries(lineSchemas), ...ofFurther]) satisfies LineFormat
}

export type ParsedLine =
  | { readonly ok: true; readonly line: AnyLine }
  | { readonly ok: false; readonly type: string | null; readonly reason: string }

/** Reads one line of a format; what is wrong with it is returned as a text for a person. Never throws. */
export function parseLine(source: string, format: LineFormat): ParsedLine {
  const json = parseJson(source)
  return json.ok ? parseObject(json.value, format) : { ok: false, type: null, reason: json.reason }
}

/** The same for a line that is an object already. */
export function parseObject(value: unknown, format: LineFormat): ParsedLine {
  const known = schemaOf(value, format)
  if (!known.ok) return { ok: false, type: null, reason: known.reason }
  const parsed = known.schema.safeParse(value)
  if (parsed.success) return { ok: true, line: parsed.data }
  const { type } = known
  return { ok: false, type, reason: shorten(`${type}: ${parsed.error.issues.map(textOf).join('; ')}`) }
}

/** The schema of a type of line, which refuses keys that it does not name. */
export function line<T extends string, S extends z.ZodRawShape>(type: T, shape: S) {
  return z.strictObject({ type: z.literal(type), ...shape }, { error: wrongObject('an object') })
}

function wrongObject(kind: string) {
  return (issue: { code?: string; keys?: readonly string[]; input?: unknown }): string => {
    if (issue.code !== 'unrecognized_keys') return expected(kind)(issue)
    return `unknown ${issue.keys?.length === 1 ? 'key' : 'keys'} ${issue.keys?.map(quote).join(', ')}`
  }
}

function parseJson(source: string): { ok: true; value: unknown } | { ok: false; reason: string } {
  try {
    return { ok: true, value: JSON.parse(source) }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return { ok: false, reason: shorten(`not JSON: ${printable(detail)}`) }
  }
}

type Known = { ok: true; type: string; schema: z.ZodType<AnyLine> } | { ok: false; reason: string }

function schemaOf(value: unknown, format: LineFormat): Known {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, reason: 'must be one JSON object' }
  }
  const { type } = value as { type?: unknown }
  const schema = typeof type === 'string' ? format.get(type) : undefined
  if (typeof type === 'string' && schema !== undefined) return { ok: true, type, schema }
  const choice = `one of ${[...format.keys()].join(', ')}`
  if (type === undefined) return { ok: false, reason: `type: is missing; it is ${choice}` }
  const given = typeof type === 'string' ? quote(type) : 'the value'
  return { ok: false, reason: `type: ${given} is not ${choice}` }
}

/** `courseId: 'x' is not a course key`; the place is left out where the object as a whole is meant. */
function textOf(issue: z.core.$ZodIssue): string {
  const place = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  return place === '' ? issue.message : `${place.replace(/^\./, '')}: ${issue.message}`
}

const LONGEST_REASON = 500

function shorten(reason: string): string {
  return reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)}…` : reason
}
