import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { trackHolders, type Holders } from './holders.ts'
import type { LineOf } from './lines.ts'
import { resolveRows, type GroupContext, type GroupOutcome, type Numbered } from './outcome.ts'
import { quote } from './printable.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const LEARNERS = {
  table: 'learners',
  conflict: 'username',
  match: 't.username = line.username',
  columns: {
    username: ['text', 'key'],
    email: ['text', 'value'],
    name: ['text', 'value'],
    is_active: ['boolean', 'value'],
    is_staff: ['boolean', 'value'],
    is_superuser: ['boolean', 'value'],
    country: ['text', 'value'],
    year_of_birth: ['integer', 'value'],
  },
} as const satisfies UpsertTarget

/**
 * Imports accounts. An e-mail address belongs to one account, whatever its case: a line that takes another's fails, and
 * one that takes an address which an earlier line has set free does not.
 */
export async function importUsers(
  trx: Transaction<DB>,
  lines: readonly Numbered<'user'>[],
  { added }: GroupContext,
): Promise<GroupOutcome> {
  const { known, asked, holders } = await readAddresses(trx, lines)
  const { rows, failures } = resolveRows(lines, ({ number, line }) => {
    const address = line.email === null ? null : (asked.get(line.email) ?? line.email)
    const holder = address === null ? undefined : holders.holderOf(address)
    if (holder !== undefined && holder !== line.username) {
      return { reason: `email: ${quote(line.email ?? '')} belongs to the account ${quote(holder)}` }
    }
    if (!known.has(line.username) && !added.accounts.has(line.username)) added.accounts.set(line.username, number)
    holders.give(line.username, address)
    return { key: line.username, row: rowOf(line) }
  })
  await releaseAddresses(trx, holders.passedOn())
  return { failures, written: await upsert(trx, LEARNERS, rows) }
}

interface Addresses {
  /** The usernames of the lines that are accounts already. */
  readonly known: Set<string>
  /** The addresses of the lines, in the database's lower case. */
  readonly asked: Map<string, string>
  /** The usernames of those who have the addresses, or one of the accounts. */
  readonly holders: Holders
}

async function readAddresses(trx: Transaction<DB>, lines: readonly Numbered<'user'>[]): Promise<Addresses> {
  const { rows } = await sql<{
    email: string | null
    asked: string | null
    holder: string | null
    known: boolean
    before: string | null
  }>`
    select line.email, lower(line.email) as asked, holder.username as holder,
      account.id is not null as known, lower(account.email) as before
    from unnest(${lines.map(({ line }) => line.username)}::text[], ${lines.map(({ line }) => line.email)}::text[])
      with ordinality as line (username, email, n)
    left join learners account on account.username = line.username
    left join learners holder on lower(holder.email) = lower(line.email)
    order by line.n`.execute(trx)
  const known = new Set<string>()
  const asked = new Map<string, string>()
  const addressOf = new Map<string, string>()
  for (const [index, row] of rows.entries()) {
    const username = lines[index]?.line.username
    if (username === undefined) throw new RangeError('Each line has one row of addresses')
    if (row.known) known.add(username)
    if (row.email !== null && row.asked !== null) asked.set(row.email, row.asked)
    if (row.asked !== null && row.holder !== null) addressOf.set(row.holder, row.asked)
    if (row.before !== null) addressOf.set(username, row.before)
  }
  return { known, asked, holders: trackHolders(addressOf) }
}

async function releaseAddresses(trx: Transaction<DB>, usernames: readonly string[]): Promise<void> {
  if (usernames.length === 0) return
  await trx.updateTable('learners').set({ email: null }).where('username', 'in', usernames).execute()
}

function rowOf(line: LineOf<'user'>) {
  return {
    username: line.username,
    email: line.email,
    name: line.name,
    is_active: line.isActive,
    is_staff: line.isStaff,
    is_superuser: line.isSuperuser,
    country: line.country,
    year_of_birth: line.yearOfBirth,
  }
}
