import { parseLine, type Line, type LineType } from './lines.ts'
import type { LineFailure, Numbered } from './outcome.ts'
import { splitLines, type RawLine } from './split.ts'

/** The lines that one transaction writes. */
const WINDOW_SIZE = 2_000

/** The good lines of a window by type, in the order of the file. */
type Groups = { readonly [T in LineType]: readonly Numbered<T>[] }

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
export async function* readWindows(source: AsyncIterable<Uint8Array | string>): AsyncGenerator<Window> {
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
      yield windowOf(waiting.slice(0, WINDOW_SIZE), bytes)
      waiting = waiting.slice(WINDOW_SIZE)
    }
  }
  if (waiting.length > 0) yield windowOf(waiting, bytes)
}

function windowOf(lines: readonly RawLine[], bytes: number): Window {
  const groups = noLines()
  const failures: LineFailure[] = []
  for (const raw of lines) {
    const parsed = raw.text === null ? { ok: false as const, type: null, reason: raw.reason } : parseLine(raw.text)
    if (parsed.ok) add(groups, raw.number, parsed.line)
    else failures.push({ line: raw.number, type: parsed.type, reason: parsed.reason })
  }
  return { lines: lines.length, groups, failures, bytes }
}

type OpenGroups = { [T in LineType]: Numbered<T>[] }

function noLines(): OpenGroups {
  return {
    user: [],
    course: [],
    mode: [],
    role: [],
    cohort: [],
    allowance: [],
    enrollment: [],
    retirement: [],
    embargo: [],
  }
}

function add(groups: OpenGroups, number: number, line: Line): void {
  // True because the group is that of the line's own type.
  const group = groups[line.type] as Numbered<LineType>[]
  group.push({ number, line })
}
