import { entriesOfHar } from './har.ts'
import { entriesOfLines } from './log-lines.ts'
import type { LogEntry } from './logged.ts'

/** By so much of its beginning the format of a log is told. */
const BEGINNING = 4_096

/** The requests of a log, whose format its beginning tells: HAR, lines of JSON, or lines of an access log (adoption.md §7). */
export async function* readLog(source: AsyncIterable<Uint8Array>): AsyncGenerator<LogEntry> {
  const iterator = source[Symbol.asyncIterator]()
  const pieces: Uint8Array[] = []
  let length = 0
  while (length < BEGINNING) {
    const { value, done } = await iterator.next()
    if (done === true) break
    pieces.push(value)
    length += value.length
  }
  const beginning = Buffer.concat(pieces)
  const isHar = /^\uFEFF?\s*\{\s*"log"\s*:\s*\{/.test(beginning.subarray(0, BEGINNING).toString('utf8'))
  yield* (isHar ? entriesOfHar : entriesOfLines)(whole(beginning, iterator))
}

async function* whole(beginning: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield beginning
  for (;;) {
    const { value, done } = await rest.next()
    if (done === true) return
    yield value
  }
}
