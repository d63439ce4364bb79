import type { Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { lockAccounts, lowerCased } from '../bulk/resolve-learners.ts'

const { isThere, noAccount } = importFormat

/** Whom a line means: an account, or an address without one, in lower case. */
export type Named = { readonly learnerId: number } | { readonly email: string }

interface Naming {
  readonly username?: string | undefined
  readonly email?: string | undefined
}

/**
 * Locks the accounts that lines name, as whoever writes what the tenant knows of a learner does, and finds out whom each
 * line means. Accounts that only a later line adds are not there yet.
 */
export async function lockNamed(
  on: Transaction<DB>,
  lines: readonly Naming[],
  added: importFormat.Added,
): Promise<(line: Naming, lineNumber: number) => Named | { readonly reason: string }> {
  const trx = on.$extendTables<EnterpriseTables>()
  const lower = await lowerCased(
    trx,
    lines.flatMap(({ email }) => email ?? []),
  )
  const { byUsername, byEmail } = await lockAccounts(trx, {
    ids: [],
    usernames: lines.flatMap(({ username }) => username ?? []),
    emails: [...lower.values()],
  })
  return ({ username, email }, number) => {
    const address = lower.get(email ?? '') ?? ''
    const account = username === undefined ? byEmail.get(address) : byUsername.get(username)
    if (account !== undefined && isThere(added.accounts, account.username, number)) return { learnerId: account.id }
    return username === undefined ? { email: address } : { reason: `username: ${noAccount(username)}` }
  }
}
