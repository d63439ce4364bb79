import { useState } from 'preact/hooks'
import { api, wordsOf, type Outputs } from '../api.ts'
import { csvLine, exportPages, saveFile } from '../csv.ts'
import { useLoad, usePages } from '../load.ts'
import { Events } from '../parts/events.tsx'
import { LEARNER_COLUMNS } from '../parts/learner-columns.tsx'
import { Badge, Facts, Heading, ListStatus, Problem, QueryChoice, SearchField, Time } from '../parts/parts.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { dayInWords, inWords, numberInWords } from '../words.ts'
import { windowInWords } from './courses.tsx'

export interface CourseProps {
  readonly courseId: string
  readonly text: string
  readonly mode: string
  readonly state: string
}

export function Course({ courseId, ...filter }: CourseProps) {
  const course = useLoad(`course ${courseId}`, () => api.course.get.query({ courseId, includeExpired: true }))
  const offer = useLoad(`offer ${courseId}`, () => api.course.getMany.query({ courseIds: [courseId] }))
  const summary = useLoad(`summary ${courseId}`, () => api.console.courseSummary.query({ courseId }))
  const changes = useLoad(`changes ${courseId}`, () => api.console.recentChanges.query({ courseId, limit: 20 }))
  return (
    <>
      <Heading text={course.data?.displayName ?? courseId}>
        <a class="button" href={`/console/feed?course=${encodeURIComponent(courseId)}`}>
          Live feed
        </a>
        <a class="button" href={`/console/jobs/new?course=${encodeURIComponent(courseId)}`}>
          New job
        </a>
      </Heading>
      <Problem error={course.error} />
      {course.data === undefined ? null : (
        <About course={course.data} offer={offer.data?.[0] ?? null} summary={summary.data ?? null} />
      )}
      {course.error === undefined ? <Roster courseId={courseId} {...filter} modes={modesOf(summary.data)} /> : null}
      <section aria-labelledby="changes">
        <h2 id="changes">Recent changes</h2>
        <Events
          label="Recent changes"
          events={changes.data ?? []}
          without="courseRun"
          empty="Nothing has changed."
          isLoading={changes.isLoading}
        />
      </section>
    </>
  )
}

type Summary = Outputs['console']['courseSummary']

function modesOf(summary: Summary | undefined): string[] {
  return [...new Set(summary?.enrollments.map(({ mode }) => mode))]
}

interface AboutProps {
  readonly course: Outputs['course']['get']
  readonly offer: Outputs['course']['getMany'][number]
  readonly summary: Summary | null
}

function About({ course, offer, summary }: AboutProps) {
  const active = summary?.enrollments.filter(({ isActive }) => isActive) ?? []
  const countOf = (slug: string) => active.find(({ mode }) => mode === slug)?.count ?? 0
  const taken = offer?.seatsTaken ?? active.reduce((sum, { count }) => sum + count, 0)
  const limit = course.maxEnrollments
  return (
    <>
      <Facts
        facts={[
          ['Key', <bdi class="code">{course.courseId}</bdi>],
          ['Now', <Badge name={offer === null ? 'waiting' : (offer.closed ?? 'open')} />],
          ['Enrollment', windowInWords(course.enrollmentStart, course.enrollmentEnd)],
          ['Runs', windowInWords(course.start, course.end)],
          ['Who decides', summary?.owner === 'lms' ? 'the LMS' : 'this service'],
          [
            'Seats',
            limit === null ? (
              `${numberInWords(taken)} taken, no limit`
            ) : (
              <span class="seats">
                {numberInWords(taken)} of {numberInWords(limit)} taken
                <meter aria-label="Seats taken" min={0} max={limit} value={taken} />
              </span>
            ),
          ],
        ]}
      />
      <ul class="counts" aria-label="Modes">
        {course.modes.map(({ slug, name, expires }) => (
          <li key={slug}>
            <span>
              <strong>{numberInWords(countOf(slug))}</strong> <bdi>{name || slug}</bdi>
              {expires === null ? '' : `, until ${dayInWords(expires)}`}
            </span>
          </li>
        ))}
      </ul>
    </>
  )
}

type RosterRow = Outputs['console']['roster']['items'][number]

function Roster({ courseId, text, mode, state, modes }: CourseProps & { modes: readonly string[] }) {
  const filter = {
    courseId,
    text,
    limit: 1_000,
    ...(mode === '' ? {} : { mode }),
    ...(state === '' ? {} : { isActive: state === 'active' }),
  }
  const load = (cursor: string | undefined) =>
    api.console.roster.query({ ...filter, ...(cursor === undefined ? {} : { cursor }) })
  const rows = usePages(`roster ${JSON.stringify(filter)}`, load)
  const known = mode === '' || modes.includes(mode) ? modes : [...modes, mode]
  return (
    <section aria-labelledby="roster">
      <h2 id="roster">Roster</h2>
      <div class="filters">
        <SearchField label="Username, name or e-mail address" name="text" value={text} />
        <QueryChoice
          label="Mode"
          name="mode"
          value={mode}
          options={[['', 'Any'], ...known.map((each) => [each, each] as const)]}
        />
        <QueryChoice
          label="State"
          name="state"
          value={state}
          options={[
            ['', 'Any'],
            ['active', inWords('active')],
            ['inactive', 'not active'],
          ]}
        />
        <Export load={load} courseId={courseId} />
      </div>
      <Problem error={rows.error} />
      <Table
        label="Roster"
        columns={rosterColumns}
        rows={rows.rows}
        keyOf={({ id }) => id}
        hasMore={!rows.isDone}
        onEnd={rows.loadMore}
        empty="Nobody."
      />
      <ListStatus count={rows.rows.length} hasMore={!rows.isDone} of={['learner', 'learners']} />
    </section>
  )
}

const rosterColumns: readonly Column<RosterRow>[] = [
  ...LEARNER_COLUMNS,
  { title: 'Mode', width: '8rem', cell: ({ mode }) => <bdi>{mode}</bdi> },
  {
    title: 'State',
    place: 'side',
    width: '7rem',
    cell: ({ isActive }) => <Badge name={isActive ? 'active' : 'not active'} />,
  },
  { title: 'Enrolled', isLabelled: true, width: '13rem', cell: ({ created }) => <Time iso={created} /> },
]

interface ExportProps {
  readonly courseId: string
  readonly load: (cursor: string | undefined) => Promise<Outputs['console']['roster']>
}

/** The columns are those that a job reads: the file can be edited and sent as a roster. */
function Export({ load, courseId }: ExportProps) {
  const [told, setTold] = useState('')
  const save = async () => {
    setTold('Reading the roster…')
    try {
      const lineOf = ({ username, email, name, mode, isActive, created }: RosterRow) =>
        csvLine([username, courseId, mode, isActive, name, email, created])
      const tell = (read: number) => setTold(`${numberInWords(read)} learners…`)
      const { pages, count } = await exportPages(load, lineOf, tell)
      const names = ['username', 'course_id', 'mode', 'is_active', 'name', 'email_address', 'enrolled']
      saveFile(`roster-${courseId.replaceAll(/[^\w.+-]+/g, '-')}.csv`, [csvLine(names), ...pages])
      setTold(`${numberInWords(count)} learners saved.`)
    } catch (error) {
      setTold(wordsOf(error))
    }
  }
  return (
    <div class="field">
      <button type="button" onClick={() => void save()}>
        Export as CSV
      </button>
      <span role="status" class="hint">
        {told}
      </span>
    </div>
  )
}
