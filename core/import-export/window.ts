import { setImmediate as turnOfEventLoop } from 'node:timers/promises'
import { parseLine, parseObject, type LineFormat, type ParsedLine } from './lines.ts'
import type { LineFailure, NumberedLine } from './group-importer.ts'
import { splitLines, type RawLine } from './split.ts'

/** The lines that one transaction writes. */
const WINDOW_SIZE = 2_000

/** Lines that are read at a stretch: what the database answers to the windows before is not kept waiting. */
const SLICE_SIZE = 250

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

/** Reads a file in windows of up to 2000 lines, with turns of the event loop in between. */
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
  let window = emptyWindow()
  let unseen = 0
  for await (const lines of splitLines(counted())) {
    for (const raw of lines) {
      addLine(window, raw.number, parseRaw(raw, format))
      unseen = (unseen + 1) % SLICE_SIZE
      if (unseen === 0) await turnOfEventLoop()
      if (window.lines < WINDOW_SIZE) continue
      yield { ...window, bytes }
      window = emptyWindow()
    }
  }
  if (window.lines > 0) yield { ...window, bytes }
}

/** A window of lines that are objects already; their numbers are their places in the list, from 1. */
export function windowOfObjects(lines: readonly unknown[], format: LineFormat): Window {
  const window = emptyWindow()
  for (const [index, value] of lines.entries()) addLine(window, index + 1, parseObject(value, format))
  return { ...window, bytes: 0 }
}

interface OpenWindow {
  lines: number
  readonly groups: Map<string, NumberedLine[]>
  readonly failures: LineFailure[]
}

function emptyWindow(): OpenWindow {
  return { lines: 0, groups: new Map(), failures: [] }
}

function parseRaw(raw: RawLine, format: LineFormat): ParsedLine {
  return raw.text === null ? { ok: false, type: null, reason: raw.reason } : parseLine(raw.text, format)
}

function addLine(window: OpenWindow, number: number, parsed: ParsedLine): void {
  window.lines += 1
  if (!parsed.ok) {
    window.failures.push({ line: number, type: parsed.type, reason: parsed.reason })
    return
  }
  const { type } = parsed.line
  const group = window.groups.get(type)
  if (group === undefined) window.groups.set(type, [{ number, line: parsed.line }])
  else group.push({ number, line: parsed.line })
}
