import type { Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { foldEmail, importFormat, lockLearners } from '../../routers/extension.ts'

const { isThere, noAccount } = importFormat

/** Whom a line means: an account, or an address without one, folded. */
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
  trx: Transaction<DB>,
  lines: readonly Naming[],
  added: importFormat.Added,
): Promise<(line: Naming, lineNumber: number) => Named | { readonly reason: string }> {
  const { byUsername, byEmail } = await lockLearners(trx, {
    usernames: lines.flatMap(({ username }) => username ?? []),
    emails: lines.flatMap(({ email }) => (email === undefined ? [] : foldEmail(email))),
  })
  return ({ username, email }, number) => {
    const address = foldEmail(email ?? '')
    const account = username === undefined ? byEmail.get(address) : byUsername.get(username)
    if (account !== undefined && isThere(added.accounts, account.username, number)) return { learnerId: account.id }
    return username === undefined ? { email: address } : { reason: `username: ${noAccount(username)}` }
  }
}
