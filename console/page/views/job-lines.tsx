import { useState } from 'preact/hooks'
import { wordsOf } from '../api.ts'
import { bulk, type Job, type JobLine, type LinesInput } from '../bulk.ts'
import { csvLine, exportPages, saveFile } from '../csv.ts'
import { usePages } from '../load.ts'
import { Badge, Change, ListStatus, Problem, QueryChoice } from '../parts/parts.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { inWords, numberInWords } from '../words.ts'

const PAGE = 1_000

/** The lines of a job with what became of each: filtered, read as far as one scrolls, saved as a file that can be sent again. */
export function JobLines({ job, show, code, version }: { job: Job; show: string; code: string; version: string }) {
  const { jobId } = job
  const filter: LinesInput = {
    jobId,
    limit: PAGE,
    ...(show === 'failed' ? { onlyFailed: true } : {}),
    ...(code === '' ? {} : { codes: [code] }),
  }
  const load = (cursor: string | undefined) =>
    bulk.results.query({ ...filter, ...(cursor === undefined ? {} : { cursor }) })
  const lines = usePages(`lines ${jobId} ${show} ${code} ${version}`, load)
  const codes = Object.keys(job.counts).map((name) => [name, inWords(name)] as const)
  return (
    <section aria-labelledby="lines">
      <h2 id="lines">Lines</h2>
      <div class="filters">
        <QueryChoice
          label="Show"
          name="show"
          value={show}
          options={[
            ['', 'All lines'],
            ['failed', 'Failed lines'],
          ]}
        />
        <QueryChoice label="Outcome" name="code" value={code} options={[['', 'Any'], ...codes]} />
        <Download job={job} load={load} isFiltered={show !== '' || code !== ''} />
      </div>
      <Problem error={lines.error} />
      <Table
        label="Lines"
        columns={columns}
        rows={lines.rows}
        // A line of no file, e.g. a removal of a roster, has no number of its own.
        keyOf={(_, index) => index}
        hasMore={!lines.isDone}
        onEnd={lines.loadMore}
        empty="No such line."
      />
      <ListStatus count={lines.rows.length} hasMore={!lines.isDone} of={['line', 'lines']} />
    </section>
  )
}

const columns: readonly Column<JobLine>[] = [
  { title: 'Line', width: '5rem', isLabelled: true, cell: ({ line }) => (line === 0 ? '—' : numberInWords(line)) },
  { title: 'Learner', place: 'main', cell: ({ input }) => <bdi>{learnerIn(input)}</bdi> },
  { title: 'Outcome', place: 'side', width: '12rem', cell: (line) => <Badge name={outcomeOf(line)} /> },
  { title: 'Course run', width: 'minmax(0, 1.5fr)', cell: ({ input }) => <bdi>{courseIn(input)}</bdi> },
  { title: 'Before and after, or why not', width: 'minmax(0, 2fr)', cell: (line) => <WhatBecame line={line} /> },
]

function WhatBecame({ line: { outcome, error } }: { line: JobLine }) {
  if (outcome === undefined) return <span title={error?.message}>{error?.message ?? ''}</span>
  return outcome.kind === 'unchanged' ? null : <Change before={outcome.before} after={outcome.enrollment} />
}

function outcomeOf({ ok, outcome, error }: JobLine): string {
  return ok ? (outcome?.kind ?? 'done') : (error?.code ?? 'failed')
}

const LEARNER = ['username', 'email', 'user_id', 'userId', 'user', 'learner']
const COURSE = ['course_id', 'courseId', 'course']

function learnerIn(input: unknown): string {
  return firstOf(input, LEARNER) ?? Object.values(fieldsOf(input)).map(cellOf).join(', ')
}

function courseIn(input: unknown): string {
  return firstOf(input, COURSE) ?? ''
}

/** The columns of a line by their names. */
function fieldsOf(input: unknown): Readonly<Record<string, unknown>> {
  return typeof input === 'object' && input !== null ? { ...input } : { input }
}

function firstOf(input: unknown, names: readonly string[]): string | undefined {
  const fields = fieldsOf(input)
  const found = names.map((name) => fields[name]).find((value) => value !== undefined && value !== '')
  return found === undefined ? undefined : cellOf(found)
}

type Load = (cursor: string | undefined) => Promise<{ items: JobLine[]; nextCursor: string | null }>

interface DownloadProps {
  readonly job: Job
  readonly load: Load
  readonly isFiltered: boolean
}

function Download({ job, load, isFiltered }: DownloadProps) {
  const [told, setTold] = useState('')
  const save = async () => {
    setTold('Reading the lines…')
    try {
      const { names, pages, count } = await linesAsCsv(load, (read) => setTold(`${numberInWords(read)} lines…`))
      const head = csvLine([...names, 'outcome', 'code', 'message'])
      saveFile(`${job.jobId}${isFiltered ? '-part' : ''}.csv`, [head, ...pages])
      setTold(`${numberInWords(count)} lines saved.`)
    } catch (error) {
      setTold(wordsOf(error))
    }
  }
  return (
    <div class="field">
      <button type="button" onClick={() => void save()}>
        Download as CSV
      </button>
      <span role="status" class="hint">
        {told}
      </span>
    </div>
  )
}

/** Where later lines have columns that the first one has not, all are read once more. */
async function linesAsCsv(load: Load, onProgress: (count: number) => void) {
  const names = new Set<string>()
  for (;;) {
    let columns: string[] | undefined
    const exported = await exportPages(
      load,
      ({ input, outcome, error }) => {
        const fields = fieldsOf(input)
        for (const name of Object.keys(fields)) names.add(name)
        columns ??= [...names]
        const cells = columns.map((name) => cellOf(fields[name]))
        return csvLine([...cells, outcome?.kind, error?.code, error?.message])
      },
      onProgress,
    )
    if (columns === undefined || columns.length === names.size) return { names: [...names], ...exported }
  }
}

function cellOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
