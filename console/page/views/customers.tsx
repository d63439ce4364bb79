import { api, type Outputs } from '../api.ts'
import { usePages } from '../load.ts'
import { hrefOf } from '../location.ts'
import { Heading, ListStatus, Problem, SearchField, Time } from '../parts/parts.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { numberInWords } from '../words.ts'

export function Customers({ text }: { text: string }) {
  const customers = usePages(`customers ${text}`, (cursor) =>
    api.console.customers.query({ limit: 100, text, ...(cursor === undefined ? {} : { cursor }) }),
  )
  return (
    <>
      <Heading text="Customers" />
      <div class="filters">
        <SearchField label="Name, slug or UUID" name="text" value={text} />
      </div>
      <Problem error={customers.error} />
      <Table
        label="Customers"
        columns={columns}
        rows={customers.rows}
        keyOf={({ uuid }) => uuid}
        hasMore={!customers.isDone}
        onEnd={customers.loadMore}
        empty={text === '' ? 'No customer yet: they are imported.' : 'No customer is called so.'}
      />
      <ListStatus count={customers.rows.length} hasMore={!customers.isDone} of={['customer', 'customers']} />
    </>
  )
}

const columns: readonly Column<Outputs['console']['customers']['items'][number]>[] = [
  {
    title: 'Customer',
    place: 'main',
    width: 'minmax(0, 1.5fr)',
    cell: ({ uuid, name }) => (
      <a href={hrefOf('customers', uuid)}>
        <bdi>{name}</bdi>
      </a>
    ),
  },
  { title: 'UUID', width: 'minmax(0, 1.5fr)', cell: ({ uuid }) => <span class="code">{uuid}</span> },
  { title: 'Learners', place: 'side', width: '7rem', isNumber: true, cell: ({ learners }) => numberInWords(learners) },
  { title: 'Waiting', width: '7rem', isNumber: true, cell: ({ waiting }) => numberInWords(waiting) },
  { title: 'Since', width: '13rem', cell: ({ created }) => <Time iso={created} /> },
]
