import { useEffect } from 'preact/hooks'
import { api } from '../api.ts'
import { useLoad } from '../load.ts'
import { Badge, Heading, Problem } from '../parts/parts.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { hrefOf } from '../location.ts'
import { numberInWords, secondsInWords } from '../words.ts'

/** One of `consumers[]` of `/readyz` (events.md §5). */
interface Consumer {
  readonly name: string
  readonly cursor: string | null
  readonly lagEvents: number
  readonly lagSeconds: number
  readonly lastError: string | null
}

interface Ready {
  readonly isReady: boolean
  readonly consumers: readonly Consumer[]
}

const EVERY_MS = 5_000

export function Health() {
  const ready = useLoad('ready', readReady)
  const webhooks = useLoad('webhooks', () => api.webhooks.list.query({}))
  const urls = new Map(webhooks.data?.items.map(({ id, url }) => [id, url]))
  useEffect(() => {
    const timer = setInterval(ready.reload, EVERY_MS)
    return () => clearInterval(timer)
  }, [ready.reload])
  const { data } = ready
  return (
    <>
      <Heading text="Health" />
      <Problem error={ready.error} />
      {data === undefined ? null : (
        <>
          <p>
            <Badge name={data.isReady ? 'answers' : 'away'} />{' '}
            {data.isReady
              ? 'The database answers and can be written.'
              : 'The database does not answer, or cannot be written.'}
          </p>
          <section aria-labelledby="consumers">
            <h2 id="consumers">Consumers of the feed</h2>
            <Table
              label="Consumers"
              columns={columnsWith(urls)}
              rows={data.consumers}
              keyOf={({ name }) => name}
              empty="Nobody follows the feed."
            />
          </section>
          <p class="hint">Looked at every five seconds. For alerts and graphs there is /metrics.</p>
        </>
      )}
    </>
  )
}

async function readReady(): Promise<Ready> {
  const answer = await fetch('/readyz')
  if (answer.status !== 200 && answer.status !== 503) throw new Error(`The server answered ${answer.status}.`)
  const { consumers = [] } = (await answer.json()) as Partial<Ready> // run §2
  return { isReady: answer.ok, consumers }
}

const columnsWith = (urls: ReadonlyMap<string, string>): readonly Column<Consumer>[] => [
  {
    title: 'Consumer',
    place: 'main',
    width: 'minmax(0, 1.5fr)',
    cell: ({ name }) => {
      const [kind, id] = name.split(':')
      if (kind !== 'webhook' || id === undefined) return name
      return (
        <a href={hrefOf('webhooks', id)} title={name}>
          <bdi>{urls.get(id) ?? name}</bdi>
        </a>
      )
    },
  },
  { title: 'State', place: 'side', width: '9rem', cell: (consumer) => <Badge name={stateOf(consumer)} /> },
  { title: 'Behind, events', width: '9rem', isNumber: true, cell: ({ lagEvents }) => numberInWords(lagEvents) },
  { title: 'Behind, time', width: '9rem', isNumber: true, cell: ({ lagSeconds }) => secondsInWords(lagSeconds) },
  {
    title: 'Position',
    place: 'wide',
    width: '12rem',
    cell: ({ cursor }) => <span class="code">{cursor ?? 'the start'}</span>,
  },
  {
    title: 'Last error',
    width: 'minmax(0, 2fr)',
    cell: ({ lastError }) => <span title={lastError ?? ''}>{lastError}</span>,
  },
]

function stateOf({ lastError, lagSeconds }: Consumer): string {
  if (lastError !== null) return 'failing'
  return lagSeconds > 60 ? 'behind' : 'active'
}
