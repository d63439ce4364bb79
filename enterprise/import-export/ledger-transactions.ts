import type { Kysely, Transaction } from 'kysely'
import { z } from 'zod'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { uuidField } from './uuid-field.ts'

const { expected, extensionLineType, line, PAGE_SIZE, pagesOfLines, resolveRows, upsert } = importFormat

const schema = line('ledgerTransaction', {
  uuid: uuidField(),
  state: z.enum(['committed', 'failed', 'reversed'], { error: expected('committed, failed or reversed') }),
})

/** What ledgers say of their transactions (enterprise-routes.md §3 a7): one that is committed gives its seat to no other. */
export const ledgerTransactions = extensionLineType({
  type: 'ledgerTransaction',
  usage: '{"type": "ledgerTransaction", "uuid", "state"}',
  schema,
  importGroup: importTransactions,
  exportLines: exportTransactions,
})

const TRANSACTIONS = {
  table: 'enterprise_ledger_transactions',
  conflict: 'uuid',
  match: 't.uuid = line.uuid',
  columns: { uuid: ['uuid', 'key'], state: ['text', 'value'] },
} as const satisfies importFormat.UpsertTarget<string, keyof EnterpriseTables>

async function importTransactions(
  trx: Transaction<DB>,
  lines: readonly importFormat.NumberedLine<z.output<typeof schema>>[],
): Promise<importFormat.GroupOutcome> {
  const { rows, failures } = resolveRows(lines, ({ line: { uuid, state } }) => ({ key: uuid, row: { uuid, state } }))
  return { failures, ...(await upsert(trx, TRANSACTIONS, rows)) }
}

function exportTransactions(db: Kysely<DB>): AsyncGenerator<string> {
  const page = db
    .$extendTables<EnterpriseTables>()
    .selectFrom('enterprise_ledger_transactions')
    .select(['uuid', 'state'])
    .orderBy('uuid')
    .limit(PAGE_SIZE)
  return pagesOfLines(
    (after: { uuid: string } | null) => (after === null ? page : page.where('uuid', '>', after.uuid)).execute(),
    ({ uuid, state }) => ({ type: 'ledgerTransaction', uuid, state }),
  )
}
