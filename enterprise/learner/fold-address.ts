import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'

/**
 * The SQL of how an e-mail address is compared: two addresses are the same where this is. The one place of the extension that
 * says so, but for its migrations; the unique index of the accounts' addresses is on the same expression.
 *
 * @param expression of SQL, without blanks around the address.
 */
export function foldedAddress(expression: string): string {
  return `lower(${expression})`
}

/**
 * Folds addresses as the database compares them, so that they can be looked up and kept.
 *
 * @param addresses trimmed.
 * @returns each address with its folded form.
 */
export async function foldAddresses(
  trx: Transaction<EnterpriseDB>,
  addresses: readonly string[],
): Promise<Map<string, string>> {
  if (addresses.length === 0) return new Map()
  const { rows } = await trx.executeQuery<{ address: string; folded: string }>(
    CompiledQuery.raw(FOLD, [[...new Set(addresses)]]),
  )
  return new Map(rows.map(({ address, folded }) => [address, folded]))
}

const FOLD = `select address, ${foldedAddress('address')} as folded from unnest($1::text[]) as address`
