import { useEffect } from 'preact/hooks'
import { bulk, failuresIn, type Job, type JobState } from '../bulk.ts'
import { useLoad, usePages } from '../load.ts'
import { hrefOf } from '../location.ts'
import { Badge, Heading, ListStatus, Problem, QueryChoice, Time } from '../parts/parts.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { inWords, numberInWords } from '../words.ts'

const STATES: readonly (readonly [string, string])[] = [
  ['', 'Any'],
  ...['queued', 'running', 'done', 'cancelled', 'failed'].map((state) => [state, inWords(state)] as const),
]

export function Jobs({ state }: { state: string }) {
  const jobs = usePages(`jobs ${state}`, (cursor) =>
    bulk.list.query({
      ...(state === '' ? {} : { state: state as JobState }),
      ...(cursor === undefined ? {} : { cursor }),
    }),
  )
  const rows = useFresh(jobs.rows, state)
  return (
    <>
      <Heading text="Jobs">
        <a class="button primary" href="/console/jobs/new">
          New job
        </a>
      </Heading>
      <div class="filters">
        <QueryChoice label="State" name="state" value={state} options={STATES} />
      </div>
      <Problem error={jobs.error} />
      <Table
        label="Jobs"
        columns={columns}
        rows={rows}
        keyOf={({ jobId }) => jobId}
        hasMore={!jobs.isDone}
        onEnd={jobs.loadMore}
        empty="No job yet. A job enrolls, changes or unenrolls the learners of a file, and can be undone."
      />
      <ListStatus count={rows.length} hasMore={!jobs.isDone} of={['job', 'jobs']} />
    </>
  )
}

/** Milliseconds between two looks at jobs that go on. */
const EVERY_MS = 2_000

/** So many jobs are read again. */
const FRESH = 50

/** The jobs of a list as they are now: the newest are read again, for as long as the page is there. */
function useFresh(rows: readonly Job[], state: string): readonly Job[] {
  const fresh = useLoad(`fresh jobs ${state}`, async () => {
    const { items } = await bulk.list.query({ limit: FRESH, ...(state === '' ? {} : { state: state as JobState }) })
    return { items, state }
  })
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') fresh.reload()
    }, EVERY_MS)
    return () => clearInterval(timer)
  }, [fresh.reload])
  if (fresh.data === undefined || fresh.data.state !== state) return rows
  const { items } = fresh.data
  const oldest = items.length < FRESH ? '' : (items.at(-1)?.createdAt ?? '')
  const known = new Set(items.map(({ jobId }) => jobId))
  return [...items, ...rows.filter(({ jobId, createdAt }) => createdAt <= oldest && !known.has(jobId))]
}

const columns: readonly Column<Job>[] = [
  {
    title: 'Job',
    place: 'main',
    width: 'minmax(0, 2fr)',
    cell: (job) => (
      <a href={hrefOf('jobs', job.jobId)}>
        <bdi>{titleOf(job)}</bdi>
      </a>
    ),
  },
  { title: 'State', place: 'side', width: '7rem', cell: ({ state }) => <Badge name={state} /> },
  {
    title: 'Does',
    width: '9rem',
    cell: ({ action, dryRun }) => (dryRun ? `${inWords(action)}, plan only` : inWords(action)),
  },
  {
    title: 'Lines',
    width: '9rem',
    isNumber: true,
    cell: ({ done, total }) =>
      total === null || total === done ? numberInWords(done) : `${numberInWords(done)} of ${numberInWords(total)}`,
  },
  { title: 'Failed', width: '6rem', isNumber: true, cell: ({ counts }) => numberInWords(failuresIn(counts)) },
  { title: 'By', width: '8rem', cell: ({ actor }) => <bdi>{actor.name}</bdi> },
  { title: 'Created', width: '13rem', cell: ({ createdAt }) => <Time iso={createdAt} /> },
]

/** What a job is called: its name, what it takes back, or what it does. */
export function titleOf({ name, action, source, jobId, parentJobId }: Job): string {
  if (source === 'undo') return `Undo of ${parentJobId?.slice(0, 8) ?? 'a batch'}`
  return name ?? `${inWords(action)} ${jobId.slice(0, 8)}`
}
