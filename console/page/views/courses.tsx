import { api, type Outputs } from '../api.ts'
import { usePages } from '../load.ts'
import { hrefOf } from '../location.ts'
import { Heading, ListStatus, Problem, SearchField } from '../parts/parts.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { dayInWords, numberInWords } from '../words.ts'

export function Courses({ text }: { text: string }) {
  const courses = usePages(`courses ${text}`, (cursor) =>
    api.console.courses.query({ limit: 200, text, ...(cursor === undefined ? {} : { cursor }) }),
  )
  return (
    <>
      <Heading text="Course runs" />
      <div class="filters">
        <SearchField label="Key or name" name="text" value={text} />
      </div>
      <Problem error={courses.error} />
      <Table
        label="Course runs"
        columns={columns}
        rows={courses.rows}
        keyOf={({ courseId }) => courseId}
        hasMore={!courses.isDone}
        onEnd={courses.loadMore}
        empty="No course run has this in its key or name."
      />
      <ListStatus count={courses.rows.length} hasMore={!courses.isDone} of={['course run', 'course runs']} />
    </>
  )
}

const columns: readonly Column<Outputs['console']['courses']['items'][number]>[] = [
  {
    title: 'Course run',
    place: 'main',
    width: 'minmax(0, 1.5fr)',
    cell: ({ courseId, displayName }) => (
      <a href={hrefOf('courses', courseId)}>
        <bdi>{displayName}</bdi>
      </a>
    ),
  },
  { title: 'Key', width: 'minmax(0, 1.5fr)', cell: ({ courseId }) => <bdi class="code">{courseId}</bdi> },
  {
    title: 'Enrollment',
    isLabelled: true,
    width: 'minmax(0, 1.2fr)',
    cell: ({ enrollmentStart, enrollmentEnd, invitationOnly }) =>
      `${windowInWords(enrollmentStart, enrollmentEnd)}${invitationOnly ? ', by invitation' : ''}`,
  },
  {
    title: 'Seats',
    place: 'side',
    width: '7rem',
    isNumber: true,
    cell: ({ maxEnrollments }) => (maxEnrollments === null ? 'no limit' : numberInWords(maxEnrollments)),
  },
]

export function windowInWords(from: string | null, to: string | null): string {
  if (from === null && to === null) return 'always'
  if (to === null) return `from ${dayInWords(from)}`
  return from === null ? `until ${dayInWords(to)}` : `${dayInWords(from)} to ${dayInWords(to)}`
}
