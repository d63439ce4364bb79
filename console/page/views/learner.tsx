import { api, type Outputs } from '../api.ts'
import { useLoad } from '../load.ts'
import { hrefOf } from '../location.ts'
import { Badge, Facts, Heading, Problem, Time } from '../parts/parts.tsx'
import { Events, type ChangeEvent } from '../parts/events.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { inWords } from '../words.ts'

export function Learner({ username }: { username: string }) {
  const learner = useLoad(`learner ${username}`, () => api.console.learner.query({ username }))
  const enrollments = useLoad(`enrollments ${username}`, () =>
    api.enrollment.list.query({ username, includeInactive: true }),
  )
  const history = useLoad(`history ${username}`, () => readHistory(username))
  const { data } = learner
  return (
    <>
      <Heading text={username} />
      <Problem error={learner.error ?? enrollments.error ?? history.error} />
      {data === undefined ? null : (
        <Facts
          facts={[
            ['Name', <bdi>{data.name || '—'}</bdi>],
            ['E-mail address', <bdi>{data.email ?? '—'}</bdi>],
            ['Account', <Badge name={accountState(data)} />],
            ['Id', data.userId],
            ['Here since', <Time iso={data.created} />],
          ]}
        />
      )}
      <section aria-labelledby="enrollments">
        <h2 id="enrollments">Enrollments</h2>
        <Table
          label="Enrollments"
          columns={enrollmentColumns}
          rows={enrollments.data ?? []}
          keyOf={({ id }) => id}
          empty="Enrolled in nothing."
          isLoading={enrollments.isLoading}
        />
      </section>
      <section aria-labelledby="history">
        <h2 id="history">History</h2>
        <Events
          label="History"
          events={history.data ?? []}
          without="learner"
          empty="Nothing has changed."
          isLoading={history.isLoading}
        />
      </section>
      {data === undefined ? null : <PendingAndFunding learner={data} />}
    </>
  )
}

function accountState({ isActive, isDisabled }: LearnerDetails): string {
  if (isDisabled) return 'disabled'
  return isActive ? 'active' : 'not active'
}

/** All changes of one learner, newest first. */
async function readHistory(username: string): Promise<ChangeEvent[]> {
  const events: ChangeEvent[] = []
  let after: string | undefined
  for (let page = 0; page < 20; page += 1) {
    const read = await api.events.list.query({
      usernames: [username],
      limit: 1_000,
      ...(after === undefined ? {} : { after }),
    })
    events.push(...read.events)
    if (read.cursor === after || (read.events.length === 0 && page > 0)) break
    after = read.cursor
  }
  return events.toReversed()
}

type LearnerDetails = Outputs['console']['learner']

const enrollmentColumns: readonly Column<Outputs['enrollment']['list'][number]>[] = [
  {
    title: 'Course run',
    place: 'main',
    width: 'minmax(0, 2fr)',
    cell: ({ courseId }) => (
      <a href={hrefOf('courses', courseId)}>
        <bdi>{courseId}</bdi>
      </a>
    ),
  },
  { title: 'Mode', width: '9rem', cell: ({ mode }) => <bdi>{mode}</bdi> },
  {
    title: 'State',
    place: 'side',
    width: '8rem',
    cell: ({ isActive }) => <Badge name={isActive ? 'active' : 'not active'} />,
  },
  { title: 'Enrolled', isLabelled: true, width: '13rem', cell: ({ created }) => <Time iso={created} /> },
  { title: 'Last change', isLabelled: true, width: '13rem', cell: ({ updated }) => <Time iso={updated} /> },
]

function PendingAndFunding({ learner: { allowances, waiting, funded, customers } }: { learner: LearnerDetails }) {
  return (
    <section aria-labelledby="pending">
      <h2 id="pending">Pending and funding</h2>
      {customers.length === 0 ? null : (
        <p>
          Belongs to{' '}
          {customers.map(({ customer: { uuid, name }, isLinked, isActive }, index) => (
            <span key={uuid}>
              {index === 0 ? '' : ', '}
              <a href={hrefOf('customers', uuid)}>
                <bdi>{name}</bdi>
              </a>
              {isLinked ? '' : ' (no longer linked)'}
              {isActive ? ' (active)' : ''}
            </span>
          ))}
          .
        </p>
      )}
      <Table
        label="Funded enrollments"
        columns={fundedColumns}
        rows={funded}
        keyOf={({ customer, courseId }) => `${customer.uuid} ${courseId}`}
        empty="No customer funds an enrollment."
      />
      <Table
        label="Requested for the address"
        columns={waitingColumns}
        rows={waiting}
        keyOf={({ customer, courseId }) => `${customer.uuid} ${courseId}`}
        empty="No customer has requested anything for this address before there was an account."
      />
      <Table
        label="Allowances"
        columns={allowanceColumns}
        rows={allowances}
        keyOf={({ courseId }) => courseId}
        empty="No allowance for this address."
      />
    </section>
  )
}

const courseColumn = {
  title: 'Course run',
  place: 'main',
  width: 'minmax(0, 1.5fr)',
  cell: ({ courseId }: { courseId: string }) => (
    <a href={hrefOf('courses', courseId)}>
      <bdi>{courseId}</bdi>
    </a>
  ),
} as const

const customerColumn = {
  title: 'Customer',
  cell: ({ customer: { uuid, name } }: { customer: { uuid: string; name: string } }) => (
    <a href={hrefOf('customers', uuid)}>
      <bdi>{name}</bdi>
    </a>
  ),
} as const

const fundedColumns: readonly Column<LearnerDetails['funded'][number]>[] = [
  courseColumn,
  customerColumn,
  {
    title: 'Funded by',
    cell: ({ fundings }) =>
      fundings.map(({ kind, isRevoked }) => (isRevoked ? `${kind} (revoked)` : kind)).join(', ') || '—',
  },
  {
    title: 'State',
    place: 'side',
    width: '8rem',
    cell: ({ unenrolledAt }) => <Badge name={unenrolledAt === null ? 'active' : 'not active'} />,
  },
  { title: 'Recorded', width: '13rem', cell: ({ created }) => <Time iso={created} /> },
]

const waitingColumns: readonly Column<LearnerDetails['waiting'][number]>[] = [
  courseColumn,
  customerColumn,
  { title: 'Mode', width: '8rem', cell: ({ mode }) => mode ?? 'the best' },
  { title: 'State', place: 'side', width: '9rem', cell: ({ state }) => <Badge name={state} /> },
  { title: 'Why not', isLabelled: true, cell: ({ refusal }) => (refusal === null ? '' : inWords(refusal)) },
  { title: 'Requested', width: '13rem', cell: ({ created }) => <Time iso={created} /> },
]

const allowanceColumns: readonly Column<LearnerDetails['allowances'][number]>[] = [
  courseColumn,
  { title: 'Used', place: 'side', width: '9rem', cell: ({ isClaimed }) => (isClaimed ? 'used' : 'not used') },
  {
    title: 'At sign-up',
    width: '12rem',
    cell: ({ autoEnroll }) => (autoEnroll ? 'is enrolled by itself' : 'may enroll'),
  },
  { title: 'Since', width: '13rem', cell: ({ created }) => <Time iso={created} /> },
]
