import { parseLine, parseObject, type LineFormat, type ParsedLine } from './lines.ts'
import type { LineFailure, NumberedLine } from './group-importer.ts'
import { splitLines, type RawLine } from './split.ts'

/** The lines that one transaction writes. */
const WINDOW_SIZE = 2_000

/** The good lines of a window by type, in the order of the file. */
type Groups = ReadonlyMap<string, readonly NumberedLine[]>

/** A piece of a file. */
export interface Window {
  readonly lines: number
  readonly groups: Groups
  /** Its bad lines. */
  readonly failures: readonly LineFailure[]
  /** Of the file, up to the end of the window or somewhat further. */
  readonly bytes: number
}

/** Reads a file in windows of up to 2000 lines. */
export async function* readWindows(
  source: AsyncIterable<Uint8Array | string>,
  format: LineFormat,
): AsyncGenerator<Window> {
  let bytes = 0
  const counted = async function* () {
    for await (const piece of source) {
      bytes += Buffer.byteLength(piece)
      yield piece
    }
  }
  let waiting: RawLine[] = []
  for await (const lines of splitLines(counted())) {
    waiting = waiting.length === 0 ? lines : [...waiting, ...lines]
    while (waiting.length >= WINDOW_SIZE) {
      yield windowOf(waiting.slice(0, WINDOW_SIZE), format, bytes)
      waiting = waiting.slice(WINDOW_SIZE)
    }
  }
  if (waiting.length > 0) yield windowOf(waiting, format, bytes)
}

/** A window of lines that are objects already; their numbers are their places in the list, from 1. */
export function windowOfObjects(lines: readonly unknown[], format: LineFormat): Window {
  return windowOfParsed(
    lines.map((value, index) => ({ number: index + 1, parsed: parseObject(value, format) })),
    0,
  )
}

function windowOf(lines: readonly RawLine[], format: LineFormat, bytes: number): Window {
  const parsed = lines.map((raw) => ({
    number: raw.number,
    parsed: raw.text === null ? { ok: false as const, type: null, reason: raw.reason } : parseLine(raw.text, format),
  }))
  return windowOfParsed(parsed, bytes)
}

function windowOfParsed(lines: readonly { number: number; parsed: ParsedLine }[], bytes: number): Window {
  const groups = new Map<string, NumberedLine[]>()
  const failures: LineFailure[] = []
  for (const { number, parsed } of lines) {
    if (parsed.ok) add(groups, { number, line: parsed.line })
    else failures.push({ line: number, type: parsed.type, reason: parsed.reason })
  }
  return { lines: lines.length, groups, failures, bytes }
}

function add(groups: Map<string, NumberedLine[]>, numbered: NumberedLine): void {
  const { type } = numbered.line
  const group = groups.get(type)
  if (group === undefined) groups.set(type, [numbered])
  else group.push(numbered)
}
