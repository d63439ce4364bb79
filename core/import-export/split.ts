import { isUtf8 } from 'node:buffer'

/** Longer lines are bad lines, so that a file without line ends cannot fill the memory. In bytes. */
export const LONGEST_LINE = 1_048_576

export type RawLine =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly text: null; readonly reason: string }

const NEWLINE = 10
const NOTHING = Buffer.alloc(0)
const TOO_LONG = 'longer than 1 MiB'

/**
 * Splits a file into its lines, numbered from 1, as it arrives; blank ones are left out. Memory stays bounded whatever
 * the file holds.
 *
 * @param source pieces of any size, cut anywhere.
 */
export async function* splitLines(source: AsyncIterable<Uint8Array | string>): AsyncGenerator<RawLine[]> {
  let number = 0
  let rest = NOTHING
  let tooLong = false

  const take = (bytes: Buffer): RawLine[] => {
    const lines = decode(bytes).map((text): RawLine => {
      number += 1
      if (tooLong || (text !== null && text.length > LONGEST_LINE)) {
        tooLong = false
        return { number, text: null, reason: TOO_LONG }
      }
      if (text === null) return { number, text, reason: 'not UTF-8' }
      return { number, text: number === 1 ? text.replace(/^\uFEFF/, '') : text }
    })
    return lines.filter((line) => line.text === null || line.text.trim() !== '')
  }

  for await (const piece of source) {
    const bytes =
      typeof piece === 'string' ? Buffer.from(piece) : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    const first = bytes.indexOf(NEWLINE)
    const last = bytes.lastIndexOf(NEWLINE)
    if (first === -1) {
      rest = Buffer.concat([rest, bytes])
    } else {
      yield [
        ...take(Buffer.concat([rest, bytes.subarray(0, first)])),
        ...(first === last ? [] : take(bytes.subarray(first + 1, last))),
      ]
      rest = Buffer.from(bytes.subarray(last + 1))
    }
    if (rest.length > LONGEST_LINE) {
      tooLong = true
      rest = NOTHING
    }
  }
  if (rest.length > 0 || tooLong) yield take(rest)
}

/** Null stands for a line that is not UTF-8. */
function decode(bytes: Buffer): (string | null)[] {
  if (isUtf8(bytes)) return bytes.toString().split('\n')
  const lines: (string | null)[] = []
  for (let start = 0; start <= bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, start)
    const end = newline === -1 ? bytes.length : newline
    const line = bytes.subarray(start, end)
    lines.push(isUtf8(line) ? line.toString() : null)
    start = end + 1
  }
  return lines
}
