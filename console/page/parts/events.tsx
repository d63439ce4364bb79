import type { Outputs } from '../api.ts'
import { hrefOf } from '../location.ts'
import { Badge, Change, Time } from './parts.tsx'
import { Table, type Column, type TableProps } from './table.tsx'

export type ChangeEvent = Outputs['enrollment']['history'][number]

interface EventsProps extends Pick<TableProps<ChangeEvent>, 'label' | 'empty' | 'isLoading'> {
  readonly events: readonly ChangeEvent[]
  /** What is the same for all, and so is left out. */
  readonly without?: 'learner' | 'courseRun'
}

/** Changes of enrollments: what, who, by which way, why, before and after. */
export function Events({ events, without, ...table }: EventsProps) {
  const columns = COLUMNS.filter(({ about }) => about === undefined || about !== without)
  // On a phone the first line has room for one name.
  const [shown, narrowLines] =
    without === undefined ? ([columns.map(besideLearner), 4] as const) : ([columns, 3] as const)
  return <Table {...table} columns={shown} rows={events} keyOf={({ id }) => id} narrowLines={narrowLines} />
}

type EventColumn = Column<ChangeEvent> & { about?: 'learner' | 'courseRun' }

function besideLearner({ place, ...column }: EventColumn): EventColumn {
  return column.about === 'courseRun' || place === undefined ? column : { ...column, place }
}

const COLUMNS: readonly EventColumn[] = [
  { title: 'When', width: '13rem', cell: ({ at }) => <Time iso={at} /> },
  { title: 'What', width: '9rem', place: 'side', cell: ({ kind }) => <Badge name={kind} /> },
  {
    title: 'Learner',
    place: 'main',
    about: 'learner',
    cell: ({ username }) => (
      <a href={hrefOf('learners', username)}>
        <bdi>{username}</bdi>
      </a>
    ),
  },
  {
    title: 'Course run',
    place: 'main',
    about: 'courseRun',
    width: 'minmax(0, 1.5fr)',
    cell: ({ courseId }) => (
      <a href={hrefOf('courses', courseId)}>
        <bdi>{courseId}</bdi>
      </a>
    ),
  },
  {
    title: 'Before and after',
    width: 'minmax(0, 1.2fr)',
    cell: ({ before, after }) => <Change before={before} after={after} />,
  },
  {
    title: 'By',
    width: 'minmax(0, 1fr)',
    cell: ({ actor, via }) => (
      <span>
        <bdi>{actor.name}</bdi> over {via}
      </span>
    ),
  },
  {
    title: 'Why',
    width: 'minmax(0, 1.2fr)',
    cell: ({ reason, batchId, via }) => (
      <span title={reason ?? ''}>
        <bdi>{reason ?? ''}</bdi>
        {batchId === null || via !== 'bulk' ? null : (
          <>
            {reason === null ? '' : ' · '}
            <a href={hrefOf('jobs', batchId)}>job</a>
          </>
        )}
      </span>
    ),
  },
]
