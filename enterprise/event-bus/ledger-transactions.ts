import { CompiledQuery, type Transaction } from 'kysely'
import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { canonicalUuid } from '../uuid.ts'

const TYPES = ['committed', 'failed', 'reversed'].map((state) => ({
  type: `org.openedx.enterprise.subsidy_ledger_transaction.${state}.v1`,
  state,
}))

/** The beginning of `LedgerTransaction` of openedx-events; what follows is not looked at. */
const schemaOf = (type: string) => ({
  type: 'record',
  name: 'CloudEvent',
  namespace: type,
  fields: [
    {
      name: 'ledger_transaction',
      type: { type: 'record', name: 'LedgerTransaction', fields: [{ name: 'uuid', type: 'string' }] },
    },
  ],
})

/** What became of a transaction in its ledger. */
export interface LedgerEvent {
  readonly type: string
  readonly data: unknown
}

/**
 * Keeps what ledgers say of their transactions (enterprise-routes.md §3 a7), as `ledgerTransaction` lines do: the last word
 * holds.
 */
export const ledgerReceiver = {
  name: 'enterprise.ledger-transactions',
  types: TYPES.map(({ type }) => ({
    type,
    topics: ['enterprise-subsidies-transaction-lifecycle'],
    schema: schemaOf(type),
  })),
  apply: applyStates,
}

const schema = z.object({ ledger_transaction: z.object({ uuid: z.string() }) })

async function applyStates(trx: Transaction<DB>, events: readonly LedgerEvent[]): Promise<void> {
  const states = new Map<string, string>()
  for (const { type, data } of events) {
    const uuid = canonicalUuid(schema.safeParse(data).data?.ledger_transaction.uuid ?? '')
    const state = TYPES.find((one) => one.type === type)?.state
    if (uuid !== null && state !== undefined) states.set(uuid, state)
  }
  if (states.size === 0) return
  await trx.executeQuery(CompiledQuery.raw(KEEP, [[...states.keys()], [...states.values()]]))
}

const KEEP = `/* enterprise.keepLedgerStates */
insert into enterprise_ledger_transactions (uuid, state)
select uuid, state from unnest((select $1::uuid[]), (select $2::text[])) as n (uuid, state)
on conflict (uuid) do update set state = excluded.state`
