import { isIP } from 'node:net'
import * as z from 'zod'

// Every message completes a sentence that begins with the name of the setting, and never repeats a value that may be
// a secret.

/** So many requests in so many seconds. */
export interface Rate {
  readonly requests: number
  readonly seconds: number
}

/** One line of text without blanks around it. */
export const name = text((value) => /^\S(.*\S)?$/u.test(value), 'must not begin or end with a blank')

/** The name or the address of a network interface. */
export const host = text((value) => /^[^\s/]+$/u.test(value), 'must be a host name or an address')

export const path = text((value) => value.trim() === value && !value.includes('\0'), 'must be a path')

// The shortest limit of the systems that Node.js runs on is 104 bytes with the closing zero (macOS).
export const socketPath = path.refine((value) => Buffer.byteLength(value) < 104, {
  error: 'must be at most 103 bytes long, the limit of the operating system',
})

export const onOff = z.enum(['on', 'off'], { error: "must be 'on' or 'off'" }).transform((value) => value === 'on')

export const booleanText = z
  .enum(['true', 'false'], { error: "must be 'true' or 'false'" })
  .transform((value) => value === 'true')

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

export const logLevel = z.enum(LEVELS, { error: `must be one of ${LEVELS.join(', ')}` })

/** A whole number in decimal digits, within bounds that are included. */
export function wholeNumber(min: number, max: number) {
  return text(
    (value) => /^\d{1,9}$/.test(value) && Number(value) >= min && Number(value) <= max,
    `must be a whole number from ${min} to ${max}`,
  ).transform(Number)
}

export const postgresUrl = text(
  (value) => ['postgres:', 'postgresql:'].includes(URL.parse(value)?.protocol ?? ''),
  'must be a URL such as postgresql://user:password@host:5432/name',
)

export const httpUrl = text(isHttpUrl, 'must be a URL that begins with http:// or https://')

/** What paths are appended to: without a slash at its end. */
export const baseUrl = httpUrl.transform((value) => value.replace(/\/+$/, ''))

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000 }
const DURATION = /^(\d{1,9})(ms|s|m)$/

/** A whole number with a unit, such as `500ms`, `15s` or `2m`; bounds in milliseconds, included. */
export function duration(minMs: number, maxMs: number) {
  return text(
    (value) => {
      const ms = millisecondsOf(value)
      return ms !== null && ms >= minMs && ms <= maxMs
    },
    `must be a whole number with a unit, such as 500ms, 15s or 2m, from ${minMs}ms to ${maxMs / UNIT_MS.m}m`,
  ).transform(
    (value) => millisecondsOf(value) ?? 0, // It is one, as was checked.
  )
}

function millisecondsOf(value: string): number | null {
  const [, count, unit] = DURATION.exec(value) ?? []
  // One of them by the pattern.
  return count === undefined ? null : Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]
}

const SECONDS = { s: 1, sec: 1, second: 1, m: 60, min: 60, minute: 60, h: 3_600, hour: 3_600, d: 86_400, day: 86_400 }
const RATE = new RegExp(`^([1-9]\\d{0,8})/(${Object.keys(SECONDS).join('|')})$`)

export const rate = text(
  (value) => RATE.test(value),
  "must be such as '40/minute' (second, minute, hour or day)",
).transform((value): Rate => {
  const [, requests, unit] = RATE.exec(value) ?? []
  // True by the pattern.
  return { requests: Number(requests), seconds: SECONDS[unit as keyof typeof SECONDS] }
})

export const secretText = text((value) => value.trim() !== '', 'must not be blank')

/** Whether short secrets are taken (`allow`); there is no other value, and unset is no. */
export const weakSecretsRule = z.literal('allow', { error: "must be 'allow' or unset" }).transform(() => true)

export const secretList = list((item) => item !== '', 'must be a comma separated list without empty entries')

/** `name:secret` pairs; names by secret. */
export const namedSecrets = z.string().transform((value, context): ReadonlyMap<string, string> => {
  const names = new Map<string, string>()
  for (const [index, pair] of value.split(',').entries()) {
    const [, owner = '', secret = ''] = /^\s*([^:]*?)\s*:\s*(.*?)\s*$/.exec(pair) ?? []
    if (owner === '' || secret === '') {
      context.addIssue(`must be name:secret pairs, comma separated; pair ${index + 1} is not`)
    } else if (names.has(secret)) {
      context.addIssue(`gives the same secret to '${names.get(secret)}' and '${owner}'`)
    }
    names.set(secret, owner)
  }
  return names
})

/** Addresses and CIDRs, or `off`. Neither a number of proxies nor `true`: both believe what a stranger claims. */
export const cidrList = z
  .string()
  .transform((value) => (value === 'off' ? [] : items(value)))
  .refine((values) => values.every(isAddressOrCidr), {
    error: "must be 'off' or a comma separated list of addresses and CIDRs such as 10.0.0.0/8",
  })

export const originList = list(
  (item) => isHttpUrl(item) && URL.parse(item)?.origin === item,
  'must be a comma separated list of origins such as https://example.org, without a path',
)

export function text(isRight: (value: string) => boolean, message: string) {
  return z.string().refine(isRight, { error: message })
}

function list(isRight: (item: string) => boolean, message: string) {
  return z
    .string()
    .transform(items)
    .refine((values) => values.every(isRight), { error: message })
}

function items(value: string): string[] {
  return value.split(',').map((item) => item.trim())
}

function isHttpUrl(value: string): boolean {
  return ['http:', 'https:'].includes(URL.parse(value)?.protocol ?? '')
}

function isAddressOrCidr(value: string): boolean {
  const [address = '', prefix, ...rest] = value.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}
