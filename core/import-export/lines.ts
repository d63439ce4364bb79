import { z } from 'zod'
import { country, courseId, email, expected, flag, instant, network, text, wholeNumber } from './fields.ts'
import { printable, quote } from './printable.ts'

const username = text({ max: 150 })
/** Characters of a text that has no bound of its own, so that it fits into a line. */
const LONG = 100_000
const SUGGESTED_PRICES = /^(\d+(\.\d+)?(, ?\d+(\.\d+)?)*)?$/
const NEVER_EXPIRE: readonly string[] = ['professional', 'no-id-professional']

const attribute = z.strictObject(
  { namespace: text({ min: 0, max: 255 }), name: text({ min: 0, max: 255 }), value: text({ min: 0, max: 255 }) },
  { error: wrongObject('an object of namespace, name and value') },
)

/** What happened to an enrollment before it came here; its kind follows from the state before it. */
const pastEvent = z.strictObject(
  {
    at: instant(),
    mode: text({ max: 100 }),
    isActive: flag(),
    // Whoever imports unless given.
    actor: z
      .strictObject(
        {
          kind: z.enum(['service', 'user', 'system'], { error: expected('service, user or system') }),
          name: text({ max: 255 }),
        },
        { error: wrongObject('an object of kind and name') },
      )
      .optional(),
    via: z
      .enum(['rest', 'rpc', 'caller', 'bulk', 'cli'], { error: expected('rest, rpc, caller, bulk or cli') })
      .default('cli'),
    reason: text({ min: 0, max: LONG }).nullable().default(null),
    enterpriseUuid: text({ min: 0, max: 255 }).nullable().default(null),
    requestId: text({ min: 0, max: 1000 }).nullable().default(null),
    batchId: z
      .guid({ error: expected('a UUID') })
      .nullable()
      .default(null),
  },
  { error: wrongObject('an object of at, mode and isActive') },
)

/**
 * The import format (run §4): one schema a type of line. A key that is left out has its default, so that a line says all
 * about its row; only those that are optional here stay as they are when they are left out. What may be empty may
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
    // When the account was made where it comes from.
    created: instant().optional(),
    // Locked out by staff.
    isDisabled: flag().default(false),
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
    owner: z.enum(['here', 'lms'], { error: expected('here or lms') }).optional(),
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
    // Empty: no organisation.
    org: text({ min: 0, max: 255 }),
    courseId: courseId().nullable().default(null),
  }),
  cohort: line('cohort', { courseId: courseId(), name: text({ max: 255 }) }),
  allowance: line('allowance', {
    email: email(),
    courseId: courseId(),
    autoEnroll: flag().default(false),
    claimedBy: username.nullable().optional(),
    created: instant().optional(),
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
    // The id of the LMS.
    id: wholeNumber({ min: 1 }).optional(),
    // Of a new enrollment: all its events, in their order.
    history: z.array(pastEvent, { error: expected('a list') }).optional(),
  }),
  cohortMember: line('cohortMember', { courseId: courseId(), cohort: text({ max: 255 }), username }),
  cohortPreassignment: line('cohortPreassignment', {
    courseId: courseId(),
    cohort: text({ max: 255 }),
    email: email(),
  }),
  emailOptIn: line('emailOptIn', {
    username,
    org: text({ min: 0, max: 255 }),
    value: text({ min: 0, max: LONG }),
    updated: instant().optional(),
  }),
  manualEnrollment: line('manualEnrollment', {
    email: text({ max: 255 }).nullable(),
    courseId: courseId(),
    // Staff who did it, and whose enrollment there came of it.
    actor: username.nullable().default(null),
    enrolled: username.nullable().default(null),
    transition: text({ min: 0, max: 255 }),
    reason: text({ min: 0, max: LONG }).nullable().default(null),
    role: text({ min: 0, max: 64 }).nullable().default(null),
    created: instant().nullable().default(null),
    // The how-manieth of rows that are equal in all else.
    number: wholeNumber({ min: 1 }).default(1),
  }),
  retirement: line('retirement', {
    username,
    state: text({ max: 30 }),
    originalUsername: username.optional(),
    originalEmail: email().optional(),
  }),
  retirementRequest: line('retirementRequest', { username, created: instant().nullable().default(null) }),
  embargo: line('embargo', {
    courseId: courseId(),
    whitelist: z.array(country(), { error: expected('a list of countries') }).default([]),
    blacklist: z.array(country(), { error: expected('a list of countries') }).default([]),
    messageKey: text({ max: 255 }).default('default'),
  }),
  embargoCountry: line('embargoCountry', { country: country() }),
  embargoAddress: line('embargoAddress', { network: network(), isAllowed: flag() }),
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
