import { parseLine, type Line, type LineType } from './lines.ts'
import type { LineFailure, Numbered } from './outcome.ts'
import { splitLines, type RawLine } from './split.ts'

/** The lines that one transaction writes. */
const WINDOW_SIZE = 2_000

/** Consecutive lines of one type. */
export type Run = { [T in LineType]: { readonly type: T; readonly lines: Numbered<T>[] } }[LineType]

/** A piece of a file: its good lines in runs, its bad ones as failures. */
export interface Window {
  readonly lines: number
  readonly runs: readonly Run[]
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
  const runs: Run[] = []
  const failures: LineFailure[] = []
  for (const raw of lines) {
    const parsed = raw.text === null ? { ok: false as const, type: null, reason: raw.reason } : parseLine(raw.text)
    if (parsed.ok) add(runs, raw.number, parsed.line)
    else failures.push({ line: raw.number, type: parsed.type, reason: parsed.reason })
  }
  return { lines: lines.length, runs, failures, bytes }
}

function add(runs: Run[], number: number, line: Line): void {
  const last = runs.at(-1)
  // The casts are true because a run is begun with, and only joined by, lines of its own type.
  if (last?.type === line.type) (last.lines as Numbered<LineType>[]).push({ number, line })
  else runs.push({ type: line.type, lines: [{ number, line }] } as Run)
}
