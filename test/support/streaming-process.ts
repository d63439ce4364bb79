import { openDatabase } from '../../core/database/open.ts'
import { createCaller, enrollStream } from '../../routers/index.ts'

// A process that streams many items and measures its heap: it prints one line of JSON. It needs --expose-gc. Its one
// argument says what to do.
const { connectionString, courseId, count, keepsResults } = JSON.parse(process.argv[2] ?? '') as StreamingOptions // our own tests write it

export interface StreamingOptions {
  readonly connectionString: string
  readonly courseId: string
  /** The learners `learner 0` and so on are enrolled, as many as this. */
  readonly count: number
  /** Holds on to each result, as a stream must not. */
  readonly keepsResults: boolean
}

export interface Streamed {
  readonly created: number
  /** The most items that had been taken from the source without having their result. */
  readonly mostAhead: number
  /** Bytes by which the heap was larger at most than after the first tenth. */
  readonly growth: number
}

let [given, told, created, mostAhead] = [0, 0, 0, 0]
let [first, most] = [0, 0]
const kept: unknown[] = []

await using db = openDatabase({ connectionString })
const caller = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
for await (const result of enrollStream(caller, source())) {
  told += 1
  if (result.ok && result.outcome.kind === 'created') created += 1
  if (keepsResults) kept.push(result)
  if (told % (count / 20) === 0) measure()
}
const streamed: Streamed = { created, mostAhead, growth: most - first }
console.log(JSON.stringify(streamed))

async function* source() {
  for (let index = 0; index < count; index += 1) {
    given += 1
    mostAhead = Math.max(mostAhead, given - told)
    yield { username: `learner ${index}`, courseId }
  }
}

function measure(): void {
  globalThis.gc?.()
  const { heapUsed } = process.memoryUsage()
  if (told <= count / 10) first = heapUsed
  most = Math.max(most, heapUsed)
}
