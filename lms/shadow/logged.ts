import { isObject } from '../exchange/json-differences.ts'
import type { Answer, Request } from '../exchange/server.ts'

/** A request of a log. Credentials are not among what is kept of it. */
export interface LoggedRequest {
  /** Its line in the log or, in a HAR file, its place. */
  readonly place: number
  readonly request: Request
  /** What was answered then; the text is null where the log does not hold it. */
  readonly recorded?: { readonly status: number; readonly text: string | null } | undefined
}

/** What could not be read as a request. */
export interface Unreadable {
  readonly place: number
  readonly unreadable: string
}

export type LogEntry = LoggedRequest | Unreadable

/** The fields of a request, under the names that nginx, HAR and people give them. */
export interface Fields {
  readonly method: unknown
  /** With its query; may be absolute. */
  readonly target: unknown
  readonly contentType?: unknown
  readonly accept?: unknown
  readonly body?: unknown
  readonly status?: unknown
  readonly answer?: unknown
}

/** A request of a log out of its fields. */
export function loggedRequest(place: number, fields: Fields): LogEntry {
  const { method, target } = fields
  if (typeof method !== 'string' || !METHOD.test(method)) return { place, unreadable: 'without a method' }
  if (typeof target !== 'string' || target === '') return { place, unreadable: 'without an address' }
  const path = withoutCredentials(target.replace(ORIGIN, ''))
  if (!path.startsWith('/')) return { place, unreadable: 'without a path' }
  const status = Number(fields.status)
  return {
    place,
    request: {
      method: method.toUpperCase(),
      path,
      headers: { ...header('accept', fields.accept), ...header('content-type', fields.contentType) },
      body: textOf(fields.body) ?? undefined,
    },
    recorded: Number.isInteger(status) && status >= 100 ? { status, text: textOf(fields.answer) } : undefined,
  }
}

/** The recorded answer in the form of one that has just come. */
export function recordedAnswer({ status, text }: NonNullable<LoggedRequest['recorded']>): Answer {
  return { status, headers: {}, text: text ?? '' }
}

const METHOD = /^[A-Za-z]{1,20}$/
const ORIGIN = /^https?:\/\/[^/?]*/i

/** Parameters that are never sent again, nor shown. */
const CREDENTIAL =
  /^(access_token|id_token|refresh_token|token|jwt|auth|authorization|api_?key|key|password|secret|sessionid|csrf.*|code|signature)$/i

function withoutCredentials(target: string): string {
  const [path = '', ...query] = target.replace(/#.*$/s, '').split('?')
  if (query.length === 0) return path
  const kept = query
    .join('?')
    .split('&')
    .filter((parameter) => !CREDENTIAL.test(nameOf(parameter)))
  return kept.length === 0 ? path : `${path}?${kept.join('&')}`
}

function nameOf(parameter: string): string {
  const [name = ''] = parameter.split('=', 1)
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** Only what HTTP lets stand in a header, on one line. */
function header(name: string, value: unknown): Record<string, string> {
  return typeof value === 'string' && /^[\u0020-\u007e]{1,500}$/.test(value) && value !== '-' ? { [name]: value } : {}
}

/** A body as text: nginx writes `-` for none, and some write JSON as it is. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value === '-' ? '' : value
  return isObject(value) || Array.isArray(value) ? JSON.stringify(value) : null
}
