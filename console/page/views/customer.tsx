import { api, type Outputs } from '../api.ts'
import { useLoad, usePages } from '../load.ts'
import { hrefOf } from '../location.ts'
import { Badge, Facts, Heading, ListStatus, Problem, QueryChoice, Time } from '../parts/parts.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { inWords, numberInWords } from '../words.ts'

const STATES = ['waiting', 'fulfilled', 'refused', 'cancelled'] as const
type State = (typeof STATES)[number]

export function Customer({ uuid, state }: { uuid: string; state: string }) {
  const customer = useLoad(`customer ${uuid}`, () => api.console.customer.query({ uuid }))
  const pending = usePages(`pending ${uuid} ${state}`, (cursor) =>
    api.console.pending.query({
      uuid,
      limit: 500,
      ...(state === '' ? {} : { state: state as State }),
      ...(cursor === undefined ? {} : { cursor }),
    }),
  )
  const { data } = customer
  return (
    <>
      <Heading text={data?.name ?? 'Customer'} />
      <Problem error={customer.error} />
      {data === undefined ? null : (
        <>
          <Facts
            facts={[
              ['UUID', <code>{data.uuid}</code>],
              ['Slug', <bdi>{data.slug ?? '—'}</bdi>],
              ['Learners', numberInWords(data.learners)],
              ['Administrators', <bdi>{data.admins.join(', ') || '—'}</bdi>],
              ['Enrolls everybody in', <bdi>{data.defaultCourseIds.join(', ') || '—'}</bdi>],
              ['Since', <Time iso={data.created} />],
            ]}
          />
          <section aria-labelledby="pending">
            <h2 id="pending">Requested for addresses without an account</h2>
            <div class="filters">
              <QueryChoice
                label="State"
                name="state"
                value={state}
                options={[['', 'Any'], ...STATES.map((each) => [each, labelOf(each, data.states)] as const)]}
              />
            </div>
            <Problem error={pending.error} />
            <Table
              label="Requested"
              columns={columns}
              rows={pending.rows}
              keyOf={({ id }) => id}
              hasMore={!pending.isDone}
              onEnd={pending.loadMore}
              empty="Nothing."
            />
            <ListStatus count={pending.rows.length} hasMore={!pending.isDone} of={['request', 'requests']} />
          </section>
        </>
      )}
    </>
  )
}

function labelOf(state: string, states: Outputs['console']['customer']['states']): string {
  return `${inWords(state)} (${numberInWords(states.find((each) => each.state === state)?.count ?? 0)})`
}

const columns: readonly Column<Outputs['console']['pending']['items'][number]>[] = [
  { title: 'E-mail address', place: 'main', width: 'minmax(0, 1.5fr)', cell: ({ email }) => <bdi>{email}</bdi> },
  {
    title: 'Course run',
    width: 'minmax(0, 1.5fr)',
    cell: ({ courseId }) => (
      <a href={hrefOf('courses', courseId)}>
        <bdi>{courseId}</bdi>
      </a>
    ),
  },
  { title: 'Mode', width: '8rem', cell: ({ mode }) => mode ?? 'the best' },
  { title: 'State', place: 'side', width: '8rem', cell: ({ state }) => <Badge name={state} /> },
  { title: 'Why not', cell: ({ refusal }) => (refusal === null ? '' : inWords(refusal)) },
  { title: 'Requested', width: '13rem', cell: ({ created }) => <Time iso={created} /> },
]
