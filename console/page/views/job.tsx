import { hasEnded, SUCCESSES, type Job as BulkJob } from '../bulk.ts'
import { useJob } from '../follow-job.ts'
import { hrefOf } from '../location.ts'
import { Badge, Facts, Heading, Problem, Time } from '../parts/parts.tsx'
import { inWords, numberInWords, secondsInWords } from '../words.ts'
import { titleOf } from './jobs.tsx'
import { JobActions } from './job-actions.tsx'
import { JobLines } from './job-lines.tsx'

export interface JobProps {
  readonly jobId: string
  readonly show: string
  readonly code: string
}

export function Job({ jobId, show, code }: JobProps) {
  const { job, isConnected, error } = useJob(jobId)
  if (job === undefined) {
    return (
      <>
        <Heading text="Job" />
        <Problem error={error} />
        {isConnected || error !== undefined ? null : <p role="status">The server cannot be reached. Trying again…</p>}
      </>
    )
  }
  return (
    <>
      <Heading text={job.dryRun ? `Plan: ${titleOf(job)}` : titleOf(job)}>
        <JobActions job={job} />
      </Heading>
      {job.dryRun ? <p class="lead">{leadOf(job)}</p> : null}
      <Problem error={error} />
      <Progress job={job} isConnected={isConnected || error !== undefined} />
      <Problem error={job.lastError === null ? undefined : new Error(job.lastError.message)} />
      {job.warnings.map((warning) => (
        <p class="warning" key={warning}>
          {warning}
        </p>
      ))}
      <Counts job={job} code={code} />
      <About job={job} />
      {hasEnded(job) || job.done > 0 ? (
        <JobLines job={job} show={show} code={code} version={hasEnded(job) ? 'end' : ''} />
      ) : null}
    </>
  )
}

function leadOf(job: BulkJob): string {
  if (!hasEnded(job)) return 'A plan changes nothing: it says what would happen to each line, and why.'
  return 'Nothing has been changed yet. This is what would happen:'
}

const PHASES = { reading: ', reading the list', checking: ', comparing its lines', running: '' } as const

function Progress({ job, isConnected }: { job: BulkJob; isConnected: boolean }) {
  const { done, total, state, phase, ratePerSecond, estimatedEnd } = job
  const isRunning = !hasEnded(job)
  const left = estimatedEnd === null ? null : (Date.parse(estimatedEnd) - Date.now()) / 1_000
  return (
    <section class="progress" aria-label="Progress">
      <p role="status">
        <Badge name={state} /> {numberInWords(done)}
        {total === null ? ' lines' : ` of ${numberInWords(total)} lines`}
        {state === 'running' ? PHASES[phase] : ''}
        {isRunning && ratePerSecond !== null ? `, ${numberInWords(Math.round(ratePerSecond))} a second` : ''}
        {isRunning && left !== null ? `, ${secondsInWords(left)} left` : ''}
        {isRunning && !isConnected ? ' · connection lost, trying again' : ''}
      </p>
      {isRunning ? (
        <progress aria-label="Lines done" {...(total === null ? {} : { max: Math.max(1, total), value: done })} />
      ) : null}
    </section>
  )
}

/** How many lines came to what; each leads to those lines. */
function Counts({ job: { jobId, counts }, code }: { job: BulkJob; code: string }) {
  const entries = Object.entries(counts).filter(([, count]) => count > 0)
  if (entries.length === 0) return null
  const rank = (name: string) => (SUCCESSES.includes(name) ? SUCCESSES.indexOf(name) : SUCCESSES.length)
  return (
    <ul class="counts" aria-label="Lines by outcome">
      {entries
        .toSorted(([a, x], [b, y]) => rank(a) - rank(b) || y - x)
        .map(([name, count]) => (
          <li key={name} class={SUCCESSES.includes(name) ? '' : 'bad'}>
            <a
              href={`${hrefOf('jobs', jobId)}${name === code ? '' : `?code=${encodeURIComponent(name)}`}`}
              {...(name === code ? { 'aria-current': 'true' as const } : {})}
            >
              <strong>{numberInWords(count)}</strong> {inWords(name)}
            </a>
          </li>
        ))}
    </ul>
  )
}

function About({ job }: { job: BulkJob }) {
  const { parentJobId, reason, startedAt, endedAt } = job
  return (
    <Facts
      facts={[
        ['Does', inWords(job.action)],
        ['By', <bdi>{job.actor.name}</bdi>],
        ...(reason === null ? [] : [['Reason', <bdi>{reason}</bdi>] as const]),
        ...(parentJobId === null
          ? []
          : [[job.source === 'undo' ? 'Undo of' : 'Retry of', <JobLink jobId={parentJobId} />] as const]),
        ['Created', <Time iso={job.createdAt} />],
        ...(startedAt === null ? [] : [['Started', <Time iso={startedAt} />] as const]),
        ...(endedAt === null ? [] : [['Ended', <Time iso={endedAt} />] as const]),
        ['Id', <code>{job.jobId}</code>],
      ]}
    />
  )
}

function JobLink({ jobId }: { jobId: string }) {
  return (
    <a href={hrefOf('jobs', jobId)}>
      <code>{jobId.slice(0, 8)}</code>
    </a>
  )
}
