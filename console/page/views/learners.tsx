import { api, type Outputs } from '../api.ts'
import { useLoad } from '../load.ts'
import { LEARNER_COLUMNS } from '../parts/learner-columns.tsx'
import { Badge, Heading, ListStatus, Problem, SearchField } from '../parts/parts.tsx'
import { Table, type Column } from '../parts/table.tsx'

export function Learners({ text }: { text: string }) {
  const found = useLoad(`learners ${text}`, async () =>
    text.trim() === '' ? [] : api.console.findLearners.query({ text }),
  )
  const rows = found.data ?? []
  return (
    <>
      <Heading text="Learners" />
      <div class="filters">
        <SearchField label="Username, e-mail address or id, or its beginning" name="text" value={text} />
      </div>
      <Problem error={found.error} />
      {found.error !== undefined && found.data === undefined ? null : (
        <Table
          label="Learners"
          columns={columns}
          rows={rows}
          keyOf={({ userId }) => userId}
          empty={text.trim() === '' ? 'Type whom you look for.' : 'Nobody has such a name or address.'}
          isLoading={found.isLoading}
        />
      )}
      {text.trim() === '' || found.data === undefined ? null : (
        <ListStatus count={rows.length} hasMore={false} of={['learner', 'learners']} />
      )}
    </>
  )
}

const columns: readonly Column<Outputs['console']['findLearners'][number]>[] = [
  ...LEARNER_COLUMNS,
  {
    title: 'Account',
    place: 'side',
    width: '8rem',
    cell: ({ isActive }) => <Badge name={isActive ? 'active' : 'not active'} />,
  },
  { title: 'Id', width: '6rem', isNumber: true, cell: ({ userId }) => userId },
]
