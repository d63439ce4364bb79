import { isUtf8 } from 'node:buffer'

/**
 * Decodes the path of a URL as Django does: bytes are UTF-8, and what is no UTF-8 stays percent-encoded, as does a `%`
 * without two digits behind it. An encoded surrogate becomes a lone surrogate, for `refuseUnstorable` to find
 * (rest-v1 §1.1, D10).
 *
 * @param raw as Node.js gives it: one character for each byte.
 */
export function decodePath(raw: string): string {
  if (!ENCODED.test(raw)) return raw
  return decodeBytes(bytesOf(raw), (byte) => `%${hex(byte)}`)
}

/** Decodes a name or a value of a query or a form: as a path, but `+` is a space and what is no UTF-8 becomes U+FFFD. */
export function decodeQueryText(raw: string): string {
  if (!ENCODED.test(raw) && !raw.includes('+')) return raw
  return decodeBytes(bytesOf(raw, SPACE), () => '\uFFFD')
}

/** What stands for a byte and not for a character. */
const ENCODED = /[%\u0080-\u00FF]/

/** @param plus the byte that a `+` stands for. */
function bytesOf(raw: string, plus = PLUS): Buffer {
  const bytes = Buffer.allocUnsafe(raw.length)
  let length = 0
  for (let index = 0; index < raw.length; index += 1) {
    const code = raw.charCodeAt(index)
    const encoded = code === PERCENT ? encodedByte(raw, index) : -1
    const plain = code === PLUS ? plus : code
    bytes[length] = encoded === -1 ? plain : encoded
    length += 1
    if (encoded !== -1) index += 2
  }
  return bytes.subarray(0, length)
}

const SPACE = 0x20
const PLUS = 0x2b
const PERCENT = 0x25

/** The byte that two hexadecimal digits after a `%` stand for; -1: there are no such digits. */
function encodedByte(raw: string, index: number): number {
  const high = digitOf(raw.charCodeAt(index + 1))
  const low = digitOf(raw.charCodeAt(index + 2))
  return high === -1 || low === -1 ? -1 : high * 16 + low
}

function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20 // Small.
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/**
 * Decodes UTF-8 into the code units of a text, one by one: joining as many texts would take much longer.
 *
 * @param textOf what takes the place of a byte that is no UTF-8; at most three code units.
 */
function decodeBytes(bytes: Buffer, textOf: (broken: number) => string): string {
  if (isUtf8(bytes)) return bytes.toString()
  const units = Buffer.allocUnsafe(bytes.length * 6)
  let end = 0
  const write = (unit: number) => {
    end = units.writeUInt16LE(unit, end)
  }
  let index = 0
  while (index < bytes.length) {
    const length = sequenceLength(bytes, index)
    if (length > 0) {
      const code = codePointAt(bytes, index, length)
      if (code > 0xffff) write(HIGH_SURROGATES + ((code - 0x10000) >> 10))
      write(code > 0xffff ? LOW_SURROGATES + (code & 0x3ff) : code)
      index += length
    } else if (isSurrogate(bytes, index)) {
      write(LONE_SURROGATE)
      index += 3
    } else {
      const text = textOf(bytes[index] ?? 0)
      for (let position = 0; position < text.length; position += 1) write(text.charCodeAt(position))
      index += 1
    }
  }
  return units.toString('utf16le', 0, end)
}

/** The length of the character that UTF-8 has at a place; 0: it has none there. */
function sequenceLength(bytes: Buffer, index: number): number {
  const first = bytes[index] ?? 0
  const second = bytes[index + 1] ?? 0
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4 || !isContinuation(second)) return 0
  if (first < 0xe0) return 2
  if (!isContinuation(bytes[index + 2])) return 0
  // Longer than need be, or a surrogate.
  if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second >= 0xa0)) return 0
  if (first < 0xf0) return 3
  // Longer than need be, or beyond the last character.
  if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second >= 0x90)) return 0
  return isContinuation(bytes[index + 3]) ? 4 : 0
}

function codePointAt(bytes: Buffer, index: number, length: number): number {
  const first = bytes[index] ?? 0
  let code = length === 1 ? first : first & (0x7f >> length)
  for (let next = 1; next < length; next += 1) code = (code << 6) | ((bytes[index + next] ?? 0) & 0x3f)
  return code
}

function isContinuation(byte: number = 0): boolean {
  return (byte & 0xc0) === 0x80
}

/** Whether it is a surrogate in the form of UTF-8, which UTF-8 does not allow. */
function isSurrogate(bytes: Buffer, index: number): boolean {
  return bytes[index] === 0xed && ((bytes[index + 1] ?? 0) & 0xe0) === 0xa0 && isContinuation(bytes[index + 2])
}

const HIGH_SURROGATES = 0xd800
const LOW_SURROGATES = 0xdc00
// One for all, so that two of them never make a pair.
const LONE_SURROGATE = 0xd800

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}
