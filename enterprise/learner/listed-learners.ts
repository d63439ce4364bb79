import type { DB } from '../../core/database/schema.ts'
import { findLearners, learnerLookup, type ResolvedLearners } from '../../routers/extension.ts'
import type { ForeignContext } from '../../routers/index.ts'
import type { Customer } from '../customer.ts'
import { runOperation } from '../operation.ts'
import { readLinkedLearners } from './visible-learners.ts'

/** How an item of a list names its learner; at most one of the names counts. */
export interface ListedNames {
  /** Any text. Counts before the address where the customer is linked with that learner. */
  readonly userId: string | undefined
  readonly email: string | undefined
}

/** Whom an item of a list means. */
export interface ListedLearner {
  /** Equal for items that mean the same learner or address, whatever names they give. */
  readonly key: string
  /** The name that counts. */
  readonly name: { readonly userId: string } | { readonly email: string }
  /** The id of the account that everybody is shown; null: the customer is not linked with any. */
  readonly linkedUserId: number | null
}

/**
 * Finds the learners of a list (enterprise-routes.md §2.6): an id counts only if the customer is linked with that learner now, and
 * is not to be told from one that nobody has; otherwise the address counts, whose account may be anybody's or nobody's.
 *
 * @returns one element per item, in order; null: the names lead to nobody.
 * @throws {EnrollmentError} `unavailable`
 */
export async function findListedLearners<Tables extends DB>(
  context: Pick<ForeignContext<Tables>, 'db'>,
  customer: Customer,
  items: readonly ListedNames[],
): Promise<(ListedLearner | null)[]> {
  const lookups = items.map(({ userId, email }) => ({
    userId: userId === undefined ? null : learnerLookup({ userId }).userId,
    email: email === undefined ? null : learnerLookup({ email }).email,
    address: email,
  }))
  const names = {
    userIds: lookups.flatMap(({ userId }) => userId ?? []),
    emails: lookups.flatMap(({ email }) => email ?? []),
  }
  return runOperation(context, async (db) => {
    const accounts = await findLearners(db, names)
    const linked = await readLinkedLearners(db, customer.id, [...accounts.byId.keys()])
    return lookups.map((lookup) => listedLearner(lookup, accounts, linked))
  })
}

interface Lookup {
  readonly userId: number | null
  readonly email: string | null
  /** As it was sent. */
  readonly address: string | undefined
}

function listedLearner(
  { userId, email, address }: Lookup,
  { byUserId, byEmail }: ResolvedLearners,
  linked: ReadonlySet<number>,
): ListedLearner | null {
  const byId = userId === null ? undefined : byUserId.get(userId)
  if (byId !== undefined && linked.has(byId.id)) {
    return { key: `account ${byId.id}`, name: { userId: String(byId.userId) }, linkedUserId: byId.userId }
  }
  if (address === undefined || email === null) return null
  const account = byEmail.get(email)
  if (account === undefined) return { key: `address ${email}`, name: { email: address }, linkedUserId: null }
  const linkedUserId = linked.has(account.id) ? account.userId : null
  return { key: `account ${account.id}`, name: { email: address }, linkedUserId }
}
