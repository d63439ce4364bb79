import type { Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { foldEmail, importFormat, lockLearners } from '../../routers/extension.ts'

const { isThere, noAccount } = importFormat

/** The learner that a line names: an account, or a folded address without one. */
export type NamedLearner = { readonly learnerId: number } | { readonly email: string }

interface Names {
  readonly username?: string | undefined
  readonly email?: string | undefined
}

/**
 * Locks the accounts that lines name, and finds the learner of each line. Accounts that only a later line adds are not there
 * yet.
 */
export async function lockNamedLearners(
  trx: Transaction<DB>,
  lines: readonly Names[],
  added: importFormat.Added,
): Promise<(names: Names, lineNumber: number) => NamedLearner | { readonly reason: string }> {
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
