import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { resolveRows, type GroupOutcome, type Numbered } from './group-importer.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const COUNTRIES = {
  table: 'embargo_countries',
  conflict: 'country',
  match: 't.country = line.country',
  columns: { country: ['text', 'key'] },
} as const satisfies UpsertTarget

/** Imports the countries that no course run lets in. */
export async function importEmbargoCountries(
  trx: Transaction<DB>,
  lines: readonly Numbered<'embargoCountry'>[],
): Promise<GroupOutcome> {
  const { rows, failures } = resolveRows(lines, ({ line: { country } }) => ({ key: country, row: { country } }))
  return { failures, ...(await upsert(trx, COUNTRIES, rows)) }
}

const ADDRESSES = {
  table: 'embargo_addresses',
  conflict: 'network',
  match: 't.network = line.network',
  columns: { network: ['cidr', 'key'], is_allowed: ['boolean', 'value'] },
} as const satisfies UpsertTarget

/** Imports addresses that are let in, or kept out, whatever their country; one line a network. */
export async function importEmbargoAddresses(
  trx: Transaction<DB>,
  lines: readonly Numbered<'embargoAddress'>[],
): Promise<GroupOutcome> {
  const written = lines.map(({ line }) => line.network)
  const { rows: networks } = await sql<{ network: string }>`
    select network(written::inet)::text as network
    from unnest(${written}::text[]) with ordinality as w (written, n) order by n`.execute(trx)
  const spellings = new Map(written.map((network, index) => [network, networks[index]?.network ?? network]))
  const { rows, failures } = resolveRows(lines, ({ line }) => {
    const network = spellings.get(line.network) ?? line.network
    return { key: network, row: { network, is_allowed: line.isAllowed } }
  })
  return { failures, ...(await upsert(trx, ADDRESSES, rows)) }
}
