import { isUtf8 } from 'node:buffer'
import { CsvRefusal } from './refusal.ts'

/**
 * The text of a file as it arrives, without its byte order mark: UTF-8, or UTF-16 with a mark (bulk.md §2).
 *
 * @param source pieces of any size, cut anywhere; those that are text already are taken as they are.
 * @throws {CsvRefusal} for another encoding, with the first byte that says so.
 */
export async function* decodeText(source: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  let decode: Decode | undefined
  let head = Buffer.alloc(0)
  let isFirst = true
  const bare = (text: string) => {
    const first = isFirst && text !== '' && text.startsWith('\uFEFF')
    if (text !== '') isFirst = false
    return first ? text.slice(1) : text
  }
  for await (const piece of source) {
    if (typeof piece === 'string') {
      yield bare(piece)
      continue
    }
    let bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    if (decode === undefined) {
      head = Buffer.concat([head, bytes])
      if (head.length < 4) continue
      decode = decoderOf(head)
      bytes = head
    }
    yield bare(decode(bytes, false))
  }
  decode ??= decoderOf(head)
  yield bare(decode(head.length < 4 ? head : Buffer.alloc(0), true))
}

type Decode = (bytes: Buffer, isLast: boolean) => string

function decoderOf(head: Buffer): Decode {
  const starts = (...bytes: number[]) => bytes.every((byte, index) => head[index] === byte)
  if (starts(0x50, 0x4b, 3, 4)) throw new CsvRefusal(`This is a workbook or a ZIP archive, not CSV. ${SAVE_AS}`)
  if (starts(0xff, 0xfe, 0, 0) || starts(0, 0, 0xfe, 0xff)) throw new CsvRefusal(`The file is UTF-32. ${SAVE_AS}`)
  if (starts(0xff, 0xfe)) return utf16('utf-16le')
  if (starts(0xfe, 0xff)) return utf16('utf-16be')
  if (head.length > 1 && (head[0] === 0) !== (head[1] === 0)) {
    throw new CsvRefusal(
      `The file seems to be UTF-16 without a byte order mark: a byte of the first two is 0x00. ${SAVE_AS}`,
    )
  }
  return utf8()
}

const SAVE_AS = 'Save it as CSV in UTF-8.'

function utf16(encoding: 'utf-16le' | 'utf-16be'): Decode {
  // Half of a surrogate pair is that line's error, where the text is looked at.
  const decoder = new TextDecoder(encoding, { ignoreBOM: true })
  let length = 0
  return (bytes, isLast) => {
    length += bytes.length
    if (isLast && length % 2 === 1) {
      throw new CsvRefusal(`The file is UTF-16, but ends within a character: it has ${length} bytes. Was it cut off?`)
    }
    return decoder.decode(bytes, { stream: !isLast })
  }
}

function utf8(): Decode {
  let rest = Buffer.alloc(0)
  let before = 0
  return (piece, isLast) => {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    const whole = isLast ? bytes.length : bytes.length - begunCharacter(bytes)
    const complete = bytes.subarray(0, whole)
    if (!isUtf8(complete)) throw notUtf8(complete, before)
    before += whole
    rest = Buffer.from(bytes.subarray(whole))
    return complete.toString()
  }
}

/** How many bytes at the end belong to a character whose rest is in the next piece. */
function begunCharacter(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return lengthOfCharacter(byte) > back ? back : 0
  }
  return 0
}

function lengthOfCharacter(first: number): number {
  if (first >= 0xf0) return 4
  return first >= 0xe0 ? 3 : 2
}

function notUtf8(bytes: Buffer, before: number): CsvRefusal {
  const at = firstBadByte(bytes)
  const byte = (bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0')
  return new CsvRefusal(
    `The file is neither UTF-8 nor UTF-16 with a byte order mark: byte ${before + at + 1} is 0x${byte}. ${SAVE_AS}`,
  )
}

/** The longest beginning that is whole ends there. */
function firstBadByte(bytes: Buffer): number {
  let good = 0
  let bad = bytes.length
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    const end = middle - begunCharacter(bytes.subarray(0, middle))
    if (isUtf8(bytes.subarray(0, end))) good = middle
    else bad = middle
  }
  return Math.max(0, good - begunCharacter(bytes.subarray(0, good)))
}
