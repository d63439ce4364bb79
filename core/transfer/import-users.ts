import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
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
  trx: Kysely<DB>,
  lines: readonly Numbered<'user'>[],
  { added }: GroupContext,
): Promise<GroupOutcome> {
  const { known, asked, before, holderOf } = await readAddresses(trx, lines)
  const addressOf = new Map(before)
  const { rows, failures } = resolveRows(lines, ({ number, line }) => {
    const address = line.email === null ? null : (asked.get(line.email) ?? line.email)
    const holder = address === null ? undefined : holderOf.get(address)
    if (holder !== undefined && holder !== line.username) {
      return { reason: `email: ${quote(line.email ?? '')} belongs to the account ${quote(holder)}` }
    }
    if (!known.has(line.username) && !added.accounts.has(line.username)) added.accounts.set(line.username, number)
    const former = addressOf.get(line.username)
    if (former !== undefined) holderOf.delete(former)
    if (address === null) addressOf.delete(line.username)
    else addressOf.set(line.username, address)
    if (address !== null) holderOf.set(address, line.username)
    return { key: line.username, row: rowOf(line) }
  })
  const passedOn = [...before].filter(([username, address]) => (holderOf.get(address) ?? username) !== username)
  await releaseAddresses(
    trx,
    passedOn.map(([username]) => username),
  )
  return { failures, written: await upsert(trx, LEARNERS, rows) }
}

interface Addresses {
  /** The usernames of the lines that are accounts already. */
  readonly known: Set<string>
  /** The addresses of the lines, in the database's lower case. */
  readonly asked: Map<string, string>
  /** The address that an account of the lines has now, by username. */
  readonly before: Map<string, string>
  /** The username of the account that holds an address now. */
  readonly holderOf: Map<string, string>
}

async function readAddresses(trx: Kysely<DB>, lines: readonly Numbered<'user'>[]): Promise<Addresses> {
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
  const found: Addresses = { known: new Set(), asked: new Map(), before: new Map(), holderOf: new Map() }
  for (const [index, row] of rows.entries()) {
    const username = lines[index]?.line.username
    if (username === undefined) throw new RangeError('Each line has one row of addresses')
    if (row.known) found.known.add(username)
    if (row.email !== null && row.asked !== null) found.asked.set(row.email, row.asked)
    if (row.asked !== null && row.holder !== null) found.holderOf.set(row.asked, row.holder)
    if (row.before === null) continue
    found.before.set(username, row.before)
    found.holderOf.set(row.before, username)
  }
  return found
}

/** The unique index looks at each row of a statement, so that an address has to be free before it is given. */
async function releaseAddresses(trx: Kysely<DB>, usernames: readonly string[]): Promise<void> {
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
