import { isUtf8 } from 'node:buffer'

/**
 * Decodes the path of a URL as Django does: bytes are UTF-8, and what is no UTF-8 stays percent-encoded, as does a `%`
 * without two digits behind it. An encoded surrogate becomes a lone
 * surrogate, for {@link unstorableField} to find (rest-v1 §1.1, D10).
 *
 * @param raw as Node.js gives it: one character for each byte.
 */
export function decodePath(raw: string): string {
  return raw.replaceAll(BYTES, (run) => decodeBytes(bytesOf(run), (byte) => `%${hex(byte)}`))
}

/** Decodes a name or a value of a query or a form: as a path, but `+` is a space and what is no UTF-8 becomes U+FFFD. */
export function decodeQueryText(raw: string): string {
  return raw.replaceAll('+', ' ').replaceAll(BYTES, (run) => decodeBytes(bytesOf(run), () => '\uFFFD'))
}

/** Everything that stands for a byte and not for a character. */
const BYTES = /(?:%[0-9a-f]{2}|[\u0080-\u00FF])+/gi

function bytesOf(run: string): Buffer {
  const characters = run.replaceAll(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
  return Buffer.from(characters, 'latin1')
}

function decodeBytes(bytes: Buffer, broken: (byte: number) => string): string {
  if (isUtf8(bytes)) return bytes.toString()
  let text = ''
  let index = 0
  while (index < bytes.length) {
    const first = bytes[index] ?? 0
    const sequence = bytes.subarray(index, index + sequenceLength(first))
    const part = decodeSequence(sequence)
    text += part ?? broken(first)
    index += part === null ? 1 : sequence.length
  }
  return text
}

function decodeSequence(sequence: Buffer): string | null {
  if (isUtf8(sequence)) return sequence.toString()
  return isSurrogate(sequence) ? LONE_SURROGATE : null
}

/** Bytes of the sequence that a first byte announces. */
function sequenceLength(first: number): number {
  if (first >= 0xf0) return 4
  if (first >= 0xe0) return 3
  return first >= 0xc0 ? 2 : 1
}

/** Whether it is a surrogate in the form of UTF-8, which UTF-8 does not allow. */
function isSurrogate([first, second = 0, third = 0]: Buffer): boolean {
  return first === 0xed && (second & 0xe0) === 0xa0 && (third & 0xc0) === 0x80
}

// One for all, so that two of them never make a pair.
const LONE_SURROGATE = '\uD800'

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}
