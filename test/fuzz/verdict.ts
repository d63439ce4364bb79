import * as z from 'zod'

/** An answer as it came. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly type: string | undefined
  readonly text: string
}

/** What is wrong with an answer, or null: it is one of those that clients know, and tells nothing of the inside. */
export function verdictOn({ method, path, status, type, text }: Received): string | null {
  if (status >= 500 && !isUnworkableRetirement(status, path, text)) return `status ${status}`
  if (status >= 400 && text.length > MAX_ERROR && !text.startsWith('{"successes"'))
    return `an error of ${text.length} characters`
  if (LEAK.test(text)) return 'tells of the inside'
  if (method === 'HEAD') return text === '' ? null : 'a body for HEAD'
  if (text === '') return EMPTY.has(status) ? null : `nothing with status ${status}`
  if (type === 'text/event-stream' && status === 200 && path.startsWith('/trpc/')) return verdictOnStream(text)
  if (!isJsonType(type, path)) return `type ${type}`
  const body = parsed(text)
  if (body === undefined) return 'no JSON'
  // Their forms are those of tests beside them.
  if (path.startsWith('/trpc/') || path.startsWith('/enterprise/')) return null
  const forms = FORMS.get(status)
  if (forms === undefined) return `status ${status} is nowhere documented`
  return forms.some((form) => form.safeParse(body).success) ? null : `a form that is nowhere documented`
}

/** A stream begins with its first message, and its errors are as small as others. */
function verdictOnStream(text: string): string | null {
  if (!/^(?:retry: \d+\n)?event: connected\n/.test(text)) return 'a stream that does not begin as one'
  const [, error = ''] = /^event: serialized-error\ndata: (.*)$/m.exec(text) ?? []
  return error.length > MAX_ERROR ? `an error of ${error.length} characters` : null
}

/** The one 500 of the contract: a retirement that somebody has to look at (rest-v1 §3.5). */
function isUnworkableRetirement(status: number, path: string, text: string): boolean {
  return status === 500 && path.endsWith('/unenroll/') && /^"User: \d+ State: /.test(text)
}

const MAX_ERROR = 65_536

/** What tRPC refuses before it looks for a procedure is JSON that says it is text. */
function isJsonType(type: string | undefined, path: string): boolean {
  const bare = type?.split(';', 1)[0]
  return bare === 'application/json' || (bare === 'text/plain' && path.startsWith('/trpc/'))
}

const LEAK = /\bselect .* from\b|\binsert into\b|node_modules|at \w+ \(|\.ts:\d+|violates|pg_|kysely/i

/** No enrollment, a refusal that hides, the end of something, a preflight, and a redirect. */
const EMPTY = new Set([200, 204, 301, 404])

const text = z.string()
const instant = text.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$/)
const detail = z.strictObject({ detail: text })
const message = z.strictObject({ message: text })
const localized = z.strictObject({ message: text, localizedMessage: text })
const developer = z.strictObject({ developer_message: text })
const coded = z.strictObject({ error_code: text, developer_message: text })
const blocked = z.strictObject({ message: text, user_message_url: z.url() })
const fieldErrors = z.strictObject({ field_errors: z.record(text, developer) })
const byField = z.record(text, z.tuple([text]))

const mode = z.strictObject({
  slug: text,
  name: text,
  min_price: z.int(),
  suggested_prices: text,
  currency: text,
  expiration_datetime: instant.nullable(),
  description: text.nullable(),
  sku: text.nullable(),
  bulk_sku: text.nullable(),
})
const course = z.strictObject({
  course_id: text,
  course_name: text,
  enrollment_start: instant.nullable(),
  enrollment_end: instant.nullable(),
  course_start: instant.nullable(),
  course_end: instant.nullable(),
  invite_only: z.boolean(),
  course_modes: z.array(mode).min(1),
  pacing_type: z.enum(['Self Paced', 'Instructor Paced']),
})
const own = { created: instant, mode: text, is_active: z.boolean(), user: text }
const enrollment = z.strictObject({ ...own, course_details: course.nullable() })
const page = z.strictObject({
  next: text.nullable(),
  previous: text.nullable(),
  results: z.array(z.strictObject({ ...own, course_id: text })),
})
const roles = z.strictObject({
  roles: z.array(z.strictObject({ org: text, course_id: text, role: text })),
  is_staff: z.boolean(),
})
const allowance = z.strictObject({
  email: text,
  course_id: text,
  auto_enroll: z.boolean(),
  created: instant,
  user: z.int().nullable(),
})
const state = z.strictObject({
  user: z.boolean(),
  enrollment: z.boolean(),
  allowed: z.boolean(),
  auto_enroll: z.boolean(),
  cohort: text.nullable().optional(),
})
const bulkResult = z.union([
  z.strictObject({ identifier: text, before: state, after: state }),
  z.strictObject({ identifier: text, invalidIdentifier: z.literal(true) }),
  z.strictObject({ identifier: text, error: z.literal(true) }),
])
const common = { action: z.enum(['enroll', 'unenroll']), auto_enroll: z.boolean() }
const bulk = z.strictObject({
  ...common,
  email_students: z.boolean(),
  courses: z.record(text, z.strictObject({ ...common, results: z.array(bulkResult) })),
})
const description = z.strictObject({ name: text, description: text, renders: z.array(text), parses: z.array(text) })
const health = z.looseObject({ status: text })

/** The forms of the bodies that go with each status, on any route. */
const FORMS: ReadonlyMap<number, readonly z.ZodType[]> = new Map<number, readonly z.ZodType[]>([
  [
    200,
    [
      enrollment,
      z.array(enrollment),
      course,
      page,
      roles,
      z.array(allowance),
      bulk,
      z.array(text),
      description,
      health,
    ],
  ],
  [201, [allowance]],
  [
    400,
    [
      detail,
      message,
      localized,
      developer,
      fieldErrors,
      byField,
      z.strictObject({ message: text, course_details: course }),
    ],
  ],
  [401, [detail, coded, developer]],
  [403, [detail, message, localized, blocked, developer]],
  [404, [detail, message, developer, text]],
  [405, [detail, developer]],
  [406, [detail, message, developer]],
  [409, [message]],
  [413, [detail, developer]],
  [415, [detail, developer]],
  [429, [detail, developer]],
  [500, [text]],
])

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
