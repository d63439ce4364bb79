import type { Json } from './json.ts'
import { pythonText } from './text.ts'

// What the fields of Django REST framework make of a value (rest-v1 §3.9).

type Value = Exclude<Json, null>

/** A text; a number counts as one, a truth value does not. Undefined: it is none. */
export function plainText(value: Value): string | undefined {
  return typeof value === 'object' || typeof value === 'boolean' ? undefined : pythonText(value)
}

/** A truth value; undefined: it is none. */
export function flagOf(value: Value): boolean | undefined {
  return FLAGS.get(value)
}

const TRUE = ['t', 'T', 'y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON', '1', 1, 1n, true]
const FALSE = ['f', 'F', 'n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF', '0', 0, 0n, false]
const FLAGS: ReadonlyMap<Json, boolean> = new Map<Json, boolean>([
  ...TRUE.map((value) => [value, true] as const),
  ...FALSE.map((value) => [value, false] as const),
])

/** Longer texts are no numbers. */
export const LONGEST_NUMBER = 1000

const WHOLE = /^\s*[+-]?\d+(?:_\d+)*\s*$/

/** A whole number, also as a text or with zeros behind its point; undefined: it is none. */
export function wholeNumberOf(value: Value): bigint | undefined {
  const text = (plainText(value) ?? '').replace(/\.0*\s*$/, '')
  return WHOLE.test(text) ? BigInt(text.trim().replaceAll('_', '').replace(/^\+/, '')) : undefined
}

export interface Decimal {
  readonly value: number
  /** How many places it is written with. */
  readonly places: number
}

const DECIMAL = /^[+-]?(?:\d+\.?(\d*)|\.(\d+))(?:e([+-]?\d{1,5}))?$/i

/** A decimal number, also as a text; undefined: it is none. */
export function decimalOf(value: Value): Decimal | undefined {
  const text = (plainText(value) ?? '').trim()
  const match = DECIMAL.exec(text)
  if (match === null) return undefined
  const [, fraction, bare, exponent = '0'] = match
  return { value: Number(text), places: Math.max(0, (fraction ?? bare ?? '').length - Number(exponent)) }
}
