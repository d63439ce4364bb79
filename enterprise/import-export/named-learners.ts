import type { Transaction } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { importFormat } from '../../routers/extension.ts'
import type { EnterpriseTables } from '../database/schema.ts'
import { foldAddresses } from '../learner/fold-address.ts'
import { lockAccounts } from '../learner/lock-accounts.ts'

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
  on: Transaction<DB>,
  lines: readonly Names[],
  added: importFormat.Added,
): Promise<(names: Names, lineNumber: number) => NamedLearner | { readonly reason: string }> {
  const trx = on.$extendTables<EnterpriseTables>()
  const folded = await foldAddresses(
    trx,
    lines.flatMap(({ email }) => email ?? []),
  )
  const { byUsername, byEmail } = await lockAccounts(trx, {
    usernames: lines.flatMap(({ username }) => username ?? []),
    emails: [...folded.values()],
  })
  return ({ username, email }, number) => {
    const address = folded.get(email ?? '') ?? ''
    const account = username === undefined ? byEmail.get(address) : byUsername.get(username)
    if (account !== undefined && isThere(added.accounts, account.username, number)) return { learnerId: account.id }
    return username === undefined ? { email: address } : { reason: `username: ${noAccount(username)}` }
  }
}
