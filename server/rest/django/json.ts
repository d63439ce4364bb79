/** A JSON value as Python sees it: whole numbers are `bigint`, all others `number`, objects have no prototype. */
export type Json = null | boolean | bigint | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/** The text is no JSON; the message is Python's. */
export class JsonError extends Error {
  override readonly name = 'JsonError'
}

/** The most digits that Python turns into a whole number. */
const MAX_DIGITS = 4300

/**
 * Parses JSON as Python's `json` does, with the same texts for what is wrong and where (rest-v1 §2.3), and without
 * losing how a number was written, which the texts of other errors need: `1` and `1.0` differ there.
 *
 * @param text nested no deeper than the stack allows, see `checkJsonBounds`.
 * @throws {JsonError}
 */
export function parsePythonJson(text: string): Json {
  if (text.startsWith('\uFEFF')) throw errorAt(text, 0, 'Unexpected UTF-8 BOM (decode using utf-8-sig)')
  const start = skipSpace(text, 0)
  const [value, end] = parseValue(text, start)
  const rest = skipSpace(text, end)
  if (rest !== text.length) throw errorAt(text, rest, 'Extra data')
  return value
}

type Parsed = [value: Json, end: number]

const SPACE = /[ \t\n\r]*/y
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y
const WORD = /null|true|false|NaN|-?Infinity/y

function parseValue(text: string, index: number): Parsed {
  const first = text[index]
  if (first === '"') return parseString(text, index)
  if (first === '{') return parseObject(text, index)
  if (first === '[') return parseArray(text, index)
  const word = match(WORD, text, index)?.[0]
  if (word !== undefined) return [parseWord(word), index + word.length]
  const number = match(NUMBER, text, index)
  if (number === undefined) throw errorAt(text, index, 'Expecting value')
  return [parseNumber(number), index + number[0].length]
}

function parseWord(word: string): null | boolean {
  if (word === 'null') return null
  if (word === 'true' || word === 'false') return word === 'true'
  throw new JsonError(`Out of range float values are not JSON compliant: '${word}'`)
}

function parseNumber([text, fraction, exponent]: RegExpExecArray): bigint | number {
  if (fraction !== undefined || exponent !== undefined) return Number(text)
  const digits = text.replace('-', '').length
  if (digits <= MAX_DIGITS) return BigInt(text)
  throw new JsonError(
    `Exceeds the limit (${MAX_DIGITS} digits) for integer string conversion: value has ${digits} digits; ` +
      'use sys.set_int_max_str_digits() to increase the limit',
  )
}

function parseArray(text: string, start: number): Parsed {
  const values: Json[] = []
  let index = skipSpace(text, start + 1)
  if (text[index] === ']') return [values, index + 1]
  for (;;) {
    const [value, end] = parseValue(text, index)
    values.push(value)
    index = skipSpace(text, end)
    if (text[index] === ']') return [values, index + 1]
    if (text[index] !== ',') throw errorAt(text, index, "Expecting ',' delimiter")
    index = skipSpace(text, index + 1)
  }
}

function parseObject(text: string, start: number): Parsed {
  // Without a prototype every key is a key, `__proto__` too.
  const object = Object.create(null) as Record<string, Json>
  let index = skipSpace(text, start + 1)
  if (text[index] === '}') return [object, index + 1]
  for (;;) {
    if (text[index] !== '"') throw errorAt(text, index, 'Expecting property name enclosed in double quotes')
    const [key, afterKey] = parseString(text, index)
    index = skipSpace(text, afterKey)
    if (text[index] !== ':') throw errorAt(text, index, "Expecting ':' delimiter")
    const [value, afterValue] = parseValue(text, skipSpace(text, index + 1))
    object[key] = value
    index = skipSpace(text, afterValue)
    if (text[index] === '}') return [object, index + 1]
    if (text[index] !== ',') throw errorAt(text, index, "Expecting ',' delimiter")
    index = skipSpace(text, index + 1)
  }
}

/** From the space on, all but the quote and the backslash. */
const PLAIN = /[ !#-[\]-\uFFFF]*/y
const HEX = /^[0-9a-fA-F]{4}$/
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

function parseString(text: string, start: number): [value: string, end: number] {
  let value = ''
  let index = start + 1
  for (;;) {
    if (text[index] !== '\\') {
      const end = endOf(PLAIN, text, index)
      value += text.slice(index, end)
      index = end
    }
    const next = text[index]
    if (next === '"') return [value, index + 1]
    if (next !== undefined && next !== '\\') throw errorAt(text, index, 'Invalid control character at')
    const escape = text[index + 1]
    if (escape === undefined) throw errorAt(text, start, 'Unterminated string starting at')
    value += escape === 'u' ? parseCodeUnit(text, index + 1) : parseEscape(text, index, escape)
    index += escape === 'u' ? CODE_UNIT_LENGTH : 2
  }
}

function parseEscape(text: string, index: number, escape: string): string {
  const character = ESCAPES[escape]
  if (character === undefined) throw errorAt(text, index, 'Invalid \\escape')
  return character
}

/** Of the escape of a code unit: `\u0041`. */
const CODE_UNIT_LENGTH = 6

/** Two of them that make a pair become one character by themselves. */
function parseCodeUnit(text: string, index: number): string {
  const digits = text.slice(index + 1, index + 5)
  if (!HEX.test(digits)) throw errorAt(text, index, 'Invalid \\uXXXX escape')
  return String.fromCharCode(Number.parseInt(digits, 16))
}

function skipSpace(text: string, index: number): number {
  return endOf(SPACE, text, index)
}

/** Where a match that begins at `index` ends; patterns that may be empty match everywhere. */
function endOf(pattern: RegExp, text: string, index: number): number {
  pattern.lastIndex = index
  pattern.test(text)
  return pattern.lastIndex
}

function match(pattern: RegExp, text: string, index: number): RegExpExecArray | undefined {
  pattern.lastIndex = index
  return pattern.exec(text) ?? undefined
}

/** Python counts characters, not code units, and lines from one. */
function errorAt(text: string, index: number, message: string): JsonError {
  const before = text.slice(0, index)
  const line = before.split('\n').length
  const column = countCharacters(before.slice(before.lastIndexOf('\n') + 1)) + 1
  return new JsonError(`${message}: line ${line} column ${column} (char ${countCharacters(before)})`)
}

function countCharacters(text: string): number {
  return text.length - (text.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0)
}
