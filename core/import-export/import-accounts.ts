import type { Transaction } from 'kysely'
import { noteArrivals } from '../auto-enrollment/arrivals.ts'
import type { DB } from '../database/schema.ts'
import { foldEmail } from '../learner/email-address.ts'
import { formerNameOf, readFormerNames } from '../learner/former-names.ts'
import { resolveRows, type GroupContext, type GroupOutcome, type Numbered } from './group-importer.ts'
import { readAccounts, type LineAccount } from './line-accounts.ts'
import type { LineOf } from './lines.ts'
import { quote } from './printable.ts'
import { upsert, type UpsertTarget } from './upsert.ts'
import { drawUserIds, releaseNames, writeIdentities } from './write-identities.ts'

const LEARNERS = {
  table: 'learners',
  conflict: 'username',
  match: 't.username = line.username',
  columns: {
    username: ['text', 'key'],
    user_id: ['integer', 'first'],
    is_id_of_lms: ['boolean', 'first'],
    email: ['text', 'value'],
    name: ['text', 'value'],
    is_active: ['boolean', 'value'],
    is_staff: ['boolean', 'value'],
    is_superuser: ['boolean', 'value'],
    country: ['text', 'value'],
    year_of_birth: ['integer', 'value'],
    joined: ['timestamptz', 'optional'],
    is_disabled: ['boolean', 'value'],
  },
} as const satisfies UpsertTarget

/**
 * Imports accounts. An id of the LMS decides whose account a line is about, which may get another username; a username whose
 * account has another id is refused (run §3, Identity). An e-mail address belongs to one account, whatever its case: a line
 * that takes another's fails, and one that takes what an earlier line has set free does not. So does one that takes the former
 * name of somebody who was retired.
 */
export async function importAccounts(
  trx: Transaction<DB>,
  lines: readonly Numbered<'user'>[],
  { added, arrived }: GroupContext,
): Promise<GroupOutcome> {
  const accounts = await readAccounts(trx, lines, added.accounts)
  const former = await readFormerNames(trx, {
    usernames: lines.map(({ line }) => line.username),
    emails: lines.flatMap(({ line }) => (line.email === null ? [] : foldEmail(line.email))),
  })
  const { rows, failures } = resolveRows<LineOf<'user'>, AccountLine>(lines, ({ number, line }, earlier) => {
    const found = accounts.find(line)
    if ('conflict' in found) return { reason: `id: ${found.conflict}` }
    const holder = line.email === null ? undefined : accounts.holderOf(foldEmail(line.email))
    if (holder !== undefined && holder !== found.account) {
      return { reason: `email: ${quote(line.email ?? '')} belongs to the account ${quote(holder.username)}` }
    }
    const formerName = formerNameOf(line, found.account?.stored ?? null, former)
    if (formerName !== null)
      return { reason: `${formerName}: ${quote(line[formerName] ?? '')} was that of a retired account` }
    const account = accounts.give(found, line, number)
    const joined = line.created ?? earlier(account.key)?.joined ?? null
    return { key: account.key, row: { line, account, number, joined } }
  })
  const changed = accounts.changed()
  await drawUserIds(trx, [...changed, ...rows.map(({ account }) => account)])
  await releaseNames(trx, accounts.passedOn())
  await writeIdentities(trx, changed)
  const isChanged = new Set(changed)
  const others = rows.filter(({ account }) => !isChanged.has(account))
  const { created, changed: edited } = await upsert(trx, LEARNERS, others.map(accountRow))
  await upsert(trx, LEARNERS, rows.filter(({ account }) => isChanged.has(account)).map(accountRow))

  const arrivals = rows.filter(isArrival)
  for (const { line, number } of arrivals) {
    if (line.email !== null) arrived.set(foldEmail(line.email), { username: line.username, number })
  }
  const usernames = arrivals.map(({ line }) => line.username)
  await noteArrivals(trx, usernames, 'cli')
  return { failures, created, changed: edited + changed.length }
}

interface AccountLine {
  readonly line: LineOf<'user'>
  readonly account: LineAccount
  readonly number: number
  /** Null: stays as it is. */
  readonly joined: string | null
}

/** Whether the account is active now and was not, or has another address now (rest-v1 D18). */
function isArrival({ line, account: { stored } }: AccountLine): boolean {
  if (!line.isActive || line.email === null) return false
  return (
    stored === null || !stored.isActive || stored.email === null || foldEmail(stored.email) !== foldEmail(line.email)
  )
}

function accountRow({ line, account, joined }: AccountLine) {
  return {
    username: account.username,
    user_id: account.userId,
    is_id_of_lms: account.isIdOfLms,
    email: line.email,
    name: line.name,
    is_active: line.isActive,
    is_staff: line.isStaff,
    is_superuser: line.isSuperuser,
    country: line.country,
    year_of_birth: line.yearOfBirth,
    joined,
    is_disabled: line.isDisabled,
  }
}
