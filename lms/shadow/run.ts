import { setTimeout as sleep } from 'node:timers/promises'
import { compareAnswers, type Verdict } from '../exchange/compare.ts'
import { forEachPaced } from '../exchange/paced.ts'
import { NoAnswer, type Answer, type Server } from '../exchange/server.ts'
import { recordedAnswer, type LogEntry, type LoggedRequest } from './logged.ts'
import { replayable } from './replayable.ts'
import { countFailed, countSkipped, countVerdict, noCounts, type Finding, type ShadowCounts } from './tally.ts'

export interface ShadowRun {
  readonly entries: AsyncIterable<LogEntry>
  /** Absent: the recorded answers are compared with ours. */
  readonly lms?: Server | undefined
  readonly here: Server
  readonly writes: boolean
  /** Requests in a second, to each side. */
  readonly perSecond: number
  /** After which a request whose answers differ is sent once more: by then a change of the LMS is here (adoption.md §4). */
  readonly settleMs: number
  readonly onFinding: (finding: Finding) => Promise<void>
  readonly onProgress?: (counts: ShadowCounts) => void
}

export const CONCURRENCY = 8
/** So many are sent once more; memory is bounded. */
const MOST_AGAIN = 1_000

interface Compared {
  readonly isStatusOnly: boolean
  readonly verdict: Verdict
  readonly lms: Answer
  readonly here: Answer
}

/**
 * Sends the requests of a log to both sides and compares the answers (adoption.md §7). Reads that differ are sent once more at the
 * end, since somebody may have enrolled in between. Writes are sent one at a time, in their order.
 */
export async function runShadow(run: ShadowRun): Promise<ShadowCounts> {
  const counts = noCounts()
  const startedAt = Date.now()
  const again: LoggedRequest[] = []
  const pace = { concurrency: run.writes ? 1 : CONCURRENCY, perSecond: run.perSecond }
  const choice = { writes: run.writes, needsRecorded: run.lms === undefined }
  const compare = (logged: LoggedRequest) => compareBoth(run, logged, run.writes ? startedAt : undefined)

  await forEachPaced(
    chosen(run.entries, (entry) => replayable(entry, choice), counts),
    pace,
    async (logged) => {
      const result = await compare(logged)
      const mayBeLate = !(result instanceof NoAnswer) && result.verdict.kind === 'different' && !run.writes
      if (mayBeLate && run.lms !== undefined && again.length < MOST_AGAIN) again.push(logged)
      else await tell(run, counts, logged, result)
      run.onProgress?.(counts)
    },
  )

  if (again.length > 0) await sleep(run.settleMs)
  await forEachPaced(listed(again), pace, async (logged) => {
    const result = await compare(logged)
    if (!(result instanceof NoAnswer) && result.verdict.kind === 'equal') counts.equalLater += 1
    await tell(run, counts, logged, result)
    run.onProgress?.(counts)
  })
  return counts
}

async function* chosen(
  entries: AsyncIterable<LogEntry>,
  choose: (entry: LogEntry) => ReturnType<typeof replayable>,
  counts: ShadowCounts,
): AsyncGenerator<LoggedRequest> {
  for await (const entry of entries) {
    const chosenEntry = choose(entry)
    if (typeof chosenEntry === 'string') countSkipped(counts, chosenEntry)
    else yield chosenEntry
  }
}

async function* listed<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

async function compareBoth(run: ShadowRun, logged: LoggedRequest, madeSince?: number): Promise<Compared | NoAnswer> {
  const { request, recorded } = logged
  const [lms, here] = await Promise.all([answerOfLms(run, logged), answerOf(run.here, request)])
  if (lms instanceof NoAnswer) return lms
  if (here instanceof NoAnswer) return here
  if (lms.status === 429 || here.status === 429)
    return new NoAnswer('there were too many requests: choose a lower --rate')
  // Without the text of the recorded answer the status alone is compared.
  const isStatusOnly = run.lms === undefined && recorded?.text === null
  const comparable = isStatusOnly ? { ...lms, text: here.text } : lms
  return { isStatusOnly, verdict: compareAnswers(request, comparable, here, madeSince), lms, here }
}

async function answerOfLms({ lms }: ShadowRun, { request, recorded }: LoggedRequest): Promise<Answer | NoAnswer> {
  if (lms !== undefined) return answerOf(lms, request)
  return recorded === undefined ? new NoAnswer('the log does not hold the answer') : recordedAnswer(recorded)
}

function answerOf(server: Server, request: LoggedRequest['request']): Promise<Answer | NoAnswer> {
  return server.send(request).catch((error: unknown) => {
    if (error instanceof NoAnswer) return error
    throw error
  })
}

async function tell(run: ShadowRun, counts: ShadowCounts, logged: LoggedRequest, result: Compared | NoAnswer) {
  if (!(result instanceof NoAnswer) && result.isStatusOnly) counts.statusOnly += 1
  const finding =
    result instanceof NoAnswer ? countFailed(counts, logged, result.message) : countVerdict(counts, logged, result)
  if (finding !== null) await run.onFinding(finding)
}
