import type { Json, JsonObject } from './json.ts'

/** What Python's `str()` makes of a value: the legacy texts quote values in this spelling (rest-v1 §3.2). */
export function pythonText(value: Json): string {
  return typeof value === 'string' ? value : pythonLiteral(value)
}

/** What Python's `repr()` makes of a value, e.g. `{'a': [None, True, 1.0]}`. */
export function pythonLiteral(value: Json): string {
  if (value === null) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return floatLiteral(value)
  if (typeof value === 'string') return stringLiteral(value)
  if (isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`
  const entries = Object.entries(value).map(([key, item]) => `${stringLiteral(key)}: ${pythonLiteral(item)}`)
  return `{${entries.join(', ')}}`
}

/** Whether Python takes the value for false: clients leave a field out by sending any of these. */
export function isFalsy(value: Json | undefined): boolean {
  if (value === undefined || value === null || typeof value !== 'object') return !value
  return (isArray(value) ? value : Object.keys(value)).length === 0
}

/** What Python calls the type of a value. */
export function pythonTypeName(value: Json): string {
  if (value === null) return 'NoneType'
  if (typeof value === 'object') return isArray(value) ? 'list' : 'dict'
  return TYPE_NAMES[typeof value] ?? typeof value
}

const TYPE_NAMES: Readonly<Record<string, string>> = { boolean: 'bool', bigint: 'int', number: 'float', string: 'str' }

/** Whether the value is an object of JSON. */
export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !isArray(value)
}

/** `Array.isArray` that knows of read-only arrays. */
export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/** Python writes a power of ten from 1e16 on and below 1e-4. */
function floatLiteral(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  const [digits = '', exponent = ''] = value.toExponential().split('e')
  const power = Number(exponent)
  if (value !== 0 && (power < -4 || power >= 16)) {
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  }
  const sign = Object.is(value, -0) ? '-' : ''
  const plain = power < 0 ? value.toFixed(digits.replace(/\D/g, '').length - 1 - power) : String(value)
  return sign + (plain.includes('.') ? plain : `${plain}.0`)
}

function stringLiteral(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replaceAll(quote === '"' ? ESCAPED_IN_DOUBLE : ESCAPED_IN_SINGLE, (character) => {
    if (character === quote) return `\\${character}`
    return NAMED[character] ?? codeEscape(character.codePointAt(0) ?? 0)
  })
  return quote + escaped + quote
}

// What does not print, all blanks but the space among it, the backslash, and the quote that is used.
const ESCAPED_IN_SINGLE = /['\\\p{C}]|[^\P{Z} ]/gu
const ESCAPED_IN_DOUBLE = /["\\\p{C}]|[^\P{Z} ]/gu

const NAMED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function codeEscape(code: number): string {
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`
  return `\\U${code.toString(16).padStart(8, '0')}`
}
