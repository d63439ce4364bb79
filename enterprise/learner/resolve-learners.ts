import type { Transaction } from 'kysely'
import { failure } from '../../core/errors.ts'
import {
  isEmailAddress,
  learnerLookup,
  lockLearners,
  type LearnerNames as LookupNames,
  type ResolvedLearners,
} from '../../routers/extension.ts'
import type { EnrollLearnersOptions, RequestedRow } from '../bulk/request.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { refusal, refusalFrom, type Refusal } from '../refusal.ts'

/** The learner that a row names. */
export type RowLearner = LearnerAccount | LearnerAddress | UnknownLearner

/** A learner who has an account. */
export interface LearnerAccount {
  readonly is: 'account'
  readonly id: number
  /** The id that everybody is shown. */
  readonly userId: number
  /** As the account has it. */
  readonly email: string | null
  /**
   * Set where whoever asks may not learn that there is the account (enterprise-routes.md §3 c): the address as it was sent,
   * for a refusal to show.
   */
  readonly shownAs?: string | null
}

/** A learner who has no account yet. */
export interface LearnerAddress {
  readonly is: 'address'
  /** Trimmed and folded. */
  readonly email: string
}

/** The names of the row lead to nobody. */
interface UnknownLearner {
  readonly is: 'unknown'
  /** As it was sent. */
  readonly email: string | null
  readonly refusal: Refusal
}

/** How a row names its learner. */
type LearnerNames = Pick<RequestedRow, 'userId' | 'username' | 'email'>

/**
 * Finds the learners that rows name, and locks their accounts. Whoever writes what the extension knows of a learner takes this
 * lock first.
 *
 * An address that belongs to an account is accepted whatever its form; any other has to be an e-mail address.
 *
 * @param whenDiffers `idWins`: a row with a userId is about that account, whatever other names it has.
 * @returns one learner per row, in order.
 */
export async function resolveLearners(
  trx: Transaction<EnterpriseDB>,
  rows: readonly LearnerNames[],
  whenDiffers: EnrollLearnersOptions['whenIdentityDiffers'],
): Promise<RowLearner[]> {
  const names = namesOfLearners(rows, whenDiffers)
  return resolveNames(names, await lockLearners(trx, names.lookup))
}

/** The names of rows that count, and what to look up for them. */
interface NamesOfLearners {
  readonly names: readonly Names[]
  readonly lookup: Required<Omit<LookupNames, 'ids'>>
}

/** Prepares the names of rows to be looked up. */
export function namesOfLearners(
  rows: readonly LearnerNames[],
  whenDiffers: EnrollLearnersOptions['whenIdentityDiffers'],
): NamesOfLearners {
  const names = rows.map((row) => namesOf(row, whenDiffers))
  return {
    names,
    lookup: {
      userIds: names.flatMap(({ userId }) => userId?.lookup ?? []),
      usernames: names.flatMap(({ username }) => username?.lookup ?? []),
      emails: names.flatMap(({ email }) => email?.lookup ?? []),
    },
  }
}

/** The learner of each row, by the accounts that were found. Pure. */
export function resolveNames({ names }: NamesOfLearners, accounts: ResolvedLearners): RowLearner[] {
  return names.map((name) => resolve(name, accounts))
}

interface Name<T> {
  readonly sent: string
  /** Null: no account can have it. */
  readonly lookup: T | null
}

/** The names of a row that count. */
interface Names {
  readonly userId: Name<number> | null
  readonly username: Name<string> | null
  readonly email: Name<string> | null
}

function namesOf(
  { userId, username, email }: LearnerNames,
  whenDiffers: EnrollLearnersOptions['whenIdentityDiffers'],
): Names {
  const byId = userId === undefined ? null : { sent: userId, lookup: learnerLookup({ userId }).userId }
  if (byId !== null && whenDiffers === 'idWins') return { userId: byId, username: null, email: null }
  return {
    userId: byId,
    username: username === undefined ? null : { sent: username, lookup: learnerLookup({ username }).username },
    email: email === undefined ? null : { sent: email, lookup: learnerLookup({ email }).email },
  }
}

function resolve(names: Names, { byUserId, byUsername, byEmail }: ResolvedLearners): RowLearner {
  const { userId, username, email } = names
  const address = email?.lookup ?? null
  const unknown = (refusal: Refusal): UnknownLearner => ({ is: 'unknown', email: email?.sent ?? null, refusal })

  if (userId !== null || username !== null) {
    const account = userId === null ? byUsername.get(username?.lookup ?? '') : byUserId.get(userId.lookup ?? 0)
    if (account === undefined) return unknown(refusalFrom(failure('learnerNotFound', learnerRefOf(names))))
    if (username !== null && username.lookup !== account.username) return unknown(mismatch('username'))
    if (email !== null && (address === null || byEmail.get(address) !== account)) return unknown(mismatch('email'))
    return accountOf(account)
  }
  const account = byEmail.get(address ?? '')
  if (account !== undefined) return accountOf(account)
  if (email === null || address === null || !isEmailAddress(email.sent)) {
    return unknown(refusal('invalidEmail', { email: email?.sent ?? '' }))
  }
  return { is: 'address', email: address }
}

function accountOf({ id, userId, email }: Omit<LearnerAccount, 'is'>): LearnerAccount {
  return { is: 'account', id, userId, email }
}

function learnerRefOf({ userId, username }: Names) {
  return userId === null ? { username: username?.sent ?? '' } : { userId: userId.sent }
}

function mismatch(field: 'username' | 'email'): Refusal {
  return refusal('identityMismatch', { field })
}
