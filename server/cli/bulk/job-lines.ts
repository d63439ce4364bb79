import type { BulkJob } from '../../../core/bulk/job.ts'
import { printable } from '../../../core/import-export/printable.ts'
import { shortInstant } from '../enrollment-lines.ts'
import type { ExitCode } from '../failure.ts'
import { bar, widthBeside } from '../progress.ts'
import type { Output } from '../streams.ts'
import { cut, number, paint, sentence, tableOf, type Column } from '../table.ts'

const KINDS: ReadonlySet<string> = new Set(['created', 'reactivated', 'modeChanged', 'deactivated', 'unchanged'])

/** Lines that have failed. */
export function failedOf({ counts }: BulkJob): number {
  return Object.entries(counts).reduce((sum, [name, count]) => sum + (KINDS.has(name) ? 0 : count), 0)
}

/** Lines that change an enrollment. */
export function changedOf({ counts }: BulkJob): number {
  return Object.entries(counts).reduce((sum, [name, count]) => {
    return sum + (KINDS.has(name) && name !== 'unchanged' ? count : 0)
  }, 0)
}

/** What a command ends with that has followed a job to its end. */
export function exitCodeOf(job: BulkJob): ExitCode {
  if (job.state === 'failed') return 2
  return job.state === 'cancelled' || failedOf(job) > 0 ? 1 : 0
}

/** Jobs, one a line. */
export function jobLines(output: Output, jobs: readonly BulkJob[]): string {
  if (jobs.length === 0) return 'There are no bulk jobs.\n'
  const id: Column<BulkJob> = { head: 'ID', of: ({ jobId }) => (output.isTTY === true ? shortId(jobId) : jobId) }
  return tableOf(output, jobs, [id, ...JOB])
}

/** The beginning of an id, by which a job can be named as well. */
function shortId(jobId: string): string {
  return jobId.slice(0, 8)
}

const JOB: readonly Column<BulkJob>[] = [
  { head: 'STATE', of: ({ state }) => state },
  { head: 'WHAT', of: whatOf },
  { head: 'DONE', of: ({ done, total }) => `${number(done)}/${total === null ? '?' : number(total)}`, isRight: true },
  { head: 'FAILED', of: (job) => number(failedOf(job)), isRight: true },
  { head: 'CREATED', of: ({ createdAt }) => shortInstant(createdAt) },
  { head: 'NAME', of: ({ name, reason }) => name ?? reason ?? '' },
]

function whatOf({ action, source, dryRun }: BulkJob): string {
  const what = source === 'undo' || source === 'retry' ? source : action
  return dryRun ? `${what} (dry run)` : what
}

/** A job with all that is known of it. */
export function jobText(output: Output, job: BulkJob): string {
  const { jobId, name, state, total, done, reason, actor, createdAt, startedAt, endedAt, parentJobId } = job
  const facts: [string, string | null][] = [
    ['state', state],
    ['what', whatOf(job)],
    ['lines', `${number(done)} of ${total === null ? 'an unknown number' : number(total)} done`],
    ['name', name],
    ['reason', reason],
    ['by', actor.name],
    ['after job', parentJobId],
    ['created', createdAt],
    ['started', startedAt],
    ['ended', endedAt],
    ['plan', job.planFingerprint],
  ]
  const lines = facts.flatMap(([head, text]) => (text === null ? [] : `  ${head.padEnd(10)}${printable(text)}\n`))
  return `${paint(output, 'bold', jobId)}\n${lines.join('')}${countLines(output, job)}${noteLines(output, job)}`
}

/** How many lines have come out how: what was done first, then what failed. */
export function countLines(output: Output, { counts }: BulkJob): string {
  const names = Object.keys(counts).toSorted(
    (a, b) => Number(KINDS.has(b)) - Number(KINDS.has(a)) || a.localeCompare(b),
  )
  const width = Math.max(0, ...names.map((name) => number(counts[name] ?? 0).length))
  return names
    .map((name) => {
      const line = `  ${number(counts[name] ?? 0).padStart(width)}  ${name}`
      return KINDS.has(name) ? `${line}\n` : `${paint(output, 'red', `${line} (failed)`)}\n`
    })
    .join('')
}

/** What a job has to say beside its counts: warnings, and why it cannot go on. */
export function noteLines(output: Output, { warnings, lastError }: BulkJob): string {
  const notes = warnings.map((warning) => note(output, 'yellow', 'Note:', warning))
  if (lastError !== null) notes.push(note(output, 'red', `${lastError.code}:`, lastError.message))
  return notes.join('')
}

function note(output: Output, style: 'yellow' | 'red', head: string, text: string): string {
  const line = sentence(output, `${head} ${printable(text)}`)
  return `${paint(output, style, head)}${line.slice(head.length)}`
}

/** `██████░░░░░░ 52 %  520,000 of 1,000,000  3 failed  41,000 lines/s  11 s left`, no wider than the terminal. */
export function progressLine(job: BulkJob, columns: number | undefined): string {
  const { total, done } = job
  const share = total === null || total === 0 ? null : done / total
  const lead = share === null ? [] : [`${bar(share)} ${Math.floor(share * 100)} %`]
  return cut([...lead, ...progressParts(job)].join('  '), widthBeside({ columns }))
}

/** The same without the bar. */
export function progressParts(job: BulkJob): string[] {
  const { state, phase, total, done, ratePerSecond: rate, estimatedEnd } = job
  if (state === 'queued') return ['waiting for a server']
  if (phase === 'reading' || total === null) return ['reading the lines']
  if (phase === 'checking') return ['comparing the lines']
  const failed = failedOf(job)
  const parts = [`${number(done)} of ${number(total)}`]
  if (failed > 0) parts.push(`${number(failed)} failed`)
  if (rate !== null) parts.push(`${number(rate)} lines/s`)
  if (estimatedEnd !== null) parts.push(`${timeLeft(Date.parse(estimatedEnd) - Date.now())} left`)
  return parts
}

/** `11 s`, `3 min`, `2 h 5 min`. */
export function timeLeft(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 100) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** What a job that has ended says of itself, and what can be done next. */
export function endLines(output: Output, job: BulkJob): string {
  const { jobId, state, dryRun, startedAt, endedAt, total } = job
  const took =
    startedAt === null || endedAt === null ? '' : ` in ${timeLeft(Date.parse(endedAt) - Date.parse(startedAt))}`
  const lines = `${number(total ?? job.done)} ${total === 1 ? 'line' : 'lines'}`
  const words = {
    done: dryRun ? `This would happen to ${lines}:` : `Job ${jobId} is done: ${lines}${took}.`,
    cancelled: `Job ${jobId} was cancelled: ${number(job.done)} of ${lines} were done, and stay done.`,
    failed: dryRun ? 'This cannot be done:' : `Job ${jobId} cannot go on.`,
  }
  const head = state === 'queued' || state === 'running' ? `Job ${jobId} is ${state}.` : words[state]
  return `${sentence(output, head)}${countLines(output, job)}${noteLines(output, job)}`
}

/** What to do about lines that failed. */
export function nextLines(output: Output, job: BulkJob): string {
  if (failedOf(job) === 0) return ''
  const results = `npm run cli -- bulk results ${shortId(job.jobId)} --only-failed`
  if (job.dryRun) return `Why lines would fail:\n  ${results}\n`
  const lead = sentence(output, 'Why lines failed, and a file of them to correct and send again:')
  return `${lead}  ${results}\n  ${results} -o failed.csv\n`
}
