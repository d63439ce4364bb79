import { api, type Outputs } from '../api.ts'
import { usePages } from '../load.ts'
import { hrefOf } from '../location.ts'
import { Badge, Heading, ListStatus, Problem } from '../parts/parts.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { inWords } from '../words.ts'

export function Webhooks() {
  const webhooks = usePages('webhooks', (cursor) => api.webhooks.list.query(cursor === undefined ? {} : { cursor }))
  return (
    <>
      <Heading text="Webhooks" />
      <Problem error={webhooks.error} />
      <Table
        label="Webhooks"
        columns={columns}
        rows={webhooks.rows}
        keyOf={({ id }) => id}
        hasMore={!webhooks.isDone}
        onEnd={webhooks.loadMore}
        empty="No endpoint yet: the command line makes them, and shows the secret of each once."
      />
      <ListStatus count={webhooks.rows.length} hasMore={!webhooks.isDone} of={['endpoint', 'endpoints']} />
    </>
  )
}

const columns: readonly Column<Outputs['webhooks']['list']['items'][number]>[] = [
  {
    title: 'Endpoint',
    place: 'main',
    width: 'minmax(0, 2fr)',
    cell: ({ id, url }) => (
      <a href={hrefOf('webhooks', id)}>
        <bdi>{url}</bdi>
      </a>
    ),
  },
  { title: 'State', place: 'side', width: '8rem', cell: ({ state }) => <Badge name={state} /> },
  { title: 'Description', cell: ({ description }) => <bdi>{description}</bdi> },
  { title: 'Sends', cell: ({ kinds }) => kinds?.map(inWords).join(', ') ?? 'every change' },
  { title: 'Format', width: '8rem', cell: ({ format }) => format },
  { title: 'Last error', cell: ({ lastError }) => <span title={lastError ?? ''}>{lastError}</span> },
]
