import { useState } from 'preact/hooks'
import { api, type Outputs } from '../api.ts'
import { useAction, useLoad, usePages } from '../load.ts'
import { Badge, Facts, Heading, ListStatus, Problem, QueryChoice, Time } from '../parts/parts.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { inWords } from '../words.ts'

const STATES = ['pending', 'delivered', 'dead'] as const
type State = (typeof STATES)[number]

export function Webhook({ id, state }: { id: string; state: string }) {
  const [turn, setTurn] = useState(0)
  const [told, setTold] = useState('')
  const webhook = useLoad(`webhook ${id} ${turn}`, () => api.webhooks.get.query({ id }))
  const deliveries = usePages(`deliveries ${id} ${state} ${turn}`, (cursor) =>
    api.webhooks.deliveries.query({
      id,
      ...(state === '' ? {} : { state: state as State }),
      ...(cursor === undefined ? {} : { cursor }),
    }),
  )
  const { error: problem, act } = useAction()
  const acting = (work: () => Promise<unknown>, done: string) =>
    act(async () => {
      setTold('')
      await work()
      setTold(done)
      setTurn((before) => before + 1)
    })
  const { data } = webhook
  const isEnabled = data?.state === 'enabled'
  const replay = (deliveryId: string) =>
    acting(() => api.webhooks.replay.mutate({ id, deliveryId }), 'It is sent again.')
  return (
    <>
      <Heading text={data?.url ?? 'Webhook'}>
        <button
          type="button"
          disabled={!isEnabled}
          onClick={acting(() => api.webhooks.test.mutate({ id }), 'A test is sent.')}
        >
          Send a test
        </button>
        {data === undefined ? null : (
          <button
            type="button"
            onClick={acting(
              () => api.webhooks.update.mutate({ id, state: isEnabled ? 'disabled' : 'enabled' }),
              isEnabled ? 'It is disabled.' : 'It is enabled.',
            )}
          >
            {isEnabled ? 'Disable' : 'Enable'}
          </button>
        )}
      </Heading>
      <p role="status" class="status">
        {told}
      </p>
      <Problem error={problem} isOfAction />
      <Problem error={webhook.error ?? deliveries.error} />
      {data === undefined ? null : (
        <Facts
          facts={[
            ['State', <Badge name={data.state} />],
            ['Disabled because', data.disabledBecause === null ? '—' : inWords(data.disabledBecause)],
            ['Description', <bdi>{data.description ?? '—'}</bdi>],
            ['Sends', data.kinds?.map(inWords).join(', ') ?? 'every change'],
            ['Course runs', <bdi>{data.courseIds?.join(', ') ?? 'all'}</bdi>],
            ['Format', data.format],
            ['Last error', data.lastError ?? '—'],
            ['Id', <code>{data.id}</code>],
          ]}
        />
      )}
      <section aria-labelledby="deliveries">
        <h2 id="deliveries">Deliveries</h2>
        <div class="filters">
          <QueryChoice
            label="State"
            name="state"
            value={state}
            options={[['', 'Any'], ...STATES.map((each) => [each, inWords(each)] as const)]}
          />
          <div class="field">
            <button type="button" onClick={() => setTurn((before) => before + 1)}>
              Refresh
            </button>
          </div>
        </div>
        <Table
          label="Deliveries"
          columns={columnsWith(replay)}
          rows={deliveries.rows}
          keyOf={(delivery) => delivery.id}
          hasMore={!deliveries.isDone}
          onEnd={deliveries.loadMore}
          empty="Nothing has been sent."
          narrowLines={4}
        />
        <ListStatus count={deliveries.rows.length} hasMore={!deliveries.isDone} of={['delivery', 'deliveries']} />
      </section>
    </>
  )
}

type Delivery = Outputs['webhooks']['deliveries']['items'][number]

const columnsWith = (replay: (id: string) => () => void): readonly Column<Delivery>[] => [
  {
    title: 'Delivery',
    place: 'main',
    width: '9rem',
    cell: ({ id, eventId }) => (eventId === null ? `${id} (test)` : id),
  },
  { title: 'State', place: 'side', width: '8rem', cell: ({ state }) => <Badge name={state} /> },
  { title: 'Attempts', width: '6rem', isNumber: true, cell: ({ attempts }) => attempts },
  { title: 'Last status', place: 'wide', width: '7rem', isNumber: true, cell: ({ lastStatus }) => lastStatus ?? '—' },
  {
    title: 'Last error',
    width: 'minmax(0, 2fr)',
    cell: ({ lastError }) => <span title={lastError ?? ''}>{lastError}</span>,
  },
  { title: 'At', isLabelled: true, width: '13rem', cell: ({ at }) => <Time iso={at} /> },
  {
    title: 'Next attempt',
    isLabelled: true,
    width: '13rem',
    cell: ({ nextAttemptAt }) => (nextAttemptAt === null ? '—' : <Time iso={nextAttemptAt} />),
  },
  {
    title: 'Again',
    width: '8rem',
    cell: ({ id }) => (
      <button type="button" class="small" aria-label={`Send delivery ${id} again`} onClick={replay(id)}>
        Send again
      </button>
    ),
  },
]
