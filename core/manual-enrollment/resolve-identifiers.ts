import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { foldEmail, isEmailAddress } from '../learner/email-address.ts'
import { learnerLookup } from '../learner/ref.ts'
import { resolveLearners, type Account } from '../learner/resolve.ts'
import { readRetirementRequests } from '../learner/former-names.ts'
import { readRetiredLearners } from '../learner/retirement.ts'
import type { ManualResult } from './request.ts'

/** Somebody whom an identifier names, with an account or without one. */
export interface IdentifiedLearner {
  readonly identifier: string
  /** The same for all identifiers of one learner. */
  readonly key: string
  readonly account: IdentifiedAccount | null
  /** Null: the account has none. */
  readonly email: string | null
}

export interface IdentifiedAccount {
  readonly id: number
  /** The id that everybody is shown. */
  readonly userId: number
  readonly isActive: boolean
  /** Whether a retirement was requested, at whatever stage it is: nobody is invited at such an address. */
  readonly isRetired: boolean
}

/** An identifier that names nobody, or more than one account. */
export interface UnresolvedIdentifier {
  readonly identifier: string
  readonly result: ManualResult
}

/** Whether an identifier names somebody. */
export function isIdentified(named: IdentifiedLearner | UnresolvedIdentifier): named is IdentifiedLearner {
  return !('result' in named)
}

/**
 * Finds out whom identifiers name: an account by username, which is exact, or by e-mail address, or somebody without an account
 * by e-mail address. Whoever has asked to be retired is not found by either, and invited nowhere (adoption.md §1).
 *
 * @returns one element per identifier, in order.
 */
export async function resolveIdentifiers(
  db: Kysely<DB>,
  identifiers: readonly string[],
): Promise<(IdentifiedLearner | UnresolvedIdentifier)[]> {
  const lookups = identifiers.map((identifier) => ({
    username: learnerLookup({ username: identifier }).username,
    email: learnerLookup({ email: identifier }).email,
  }))
  const { byUsername, byEmail, byId } = await resolveLearners(db, {
    usernames: lookups.flatMap(({ username }) => username ?? []),
    emails: lookups.flatMap(({ email }) => email ?? []),
  })
  // Only of inactive accounts it matters whether they are retired.
  const inactive = [...byId.values()].filter(({ isActive }) => !isActive)
  const retired = await readRetiredLearners(
    db,
    inactive.map(({ id }) => id),
  )
  const leaving = await readRetirementRequests(db, [...byId.keys()])
  return identifiers.map((identifier, index) => {
    const { username = null, email = null } = lookups[index] ?? {}
    const accounts = new Set(
      [byUsername.get(username ?? ''), byEmail.get(email ?? '')].filter((found) => found !== undefined),
    )
    const found = [...accounts].filter(({ id }) => !leaving.has(id))
    if (found.length < accounts.size && found.length === 0) return unresolved({ identifier, kind: 'invalidIdentifier' })
    return learnerFrom(identifier, found, retired)
  })
}

function learnerFrom(
  identifier: string,
  [account, ...others]: readonly Account[],
  retired: ReadonlySet<number>,
): IdentifiedLearner | UnresolvedIdentifier {
  if (others.length > 0) return unresolved({ identifier, kind: 'failed', because: 'ambiguous' })
  if (account !== undefined) {
    const { id, userId, email, isActive } = account
    return { identifier, key: `account ${id}`, account: { id, userId, isActive, isRetired: retired.has(id) }, email }
  }
  if (!isEmailAddress(identifier)) return unresolved({ identifier, kind: 'invalidIdentifier' })
  return { identifier, key: `address ${foldEmail(identifier)}`, account: null, email: identifier }
}

function unresolved(result: ManualResult): UnresolvedIdentifier {
  return { identifier: result.identifier, result }
}
