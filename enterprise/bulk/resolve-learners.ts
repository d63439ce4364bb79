import type { Transaction } from 'kysely'
import { failure } from '../../core/errors.ts'
import { isEmailAddress, learnerLookup, lockLearners, type ResolvedLearners } from '../../routers/extension.ts'
import type { EnrollLearnersOrder, RowOrder } from './request.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import { refusal, refusalFrom, type Refusal } from './refusal.ts'

/** Whom a row means. */
export type Person = PersonsAccount | Address | Nobody

export interface PersonsAccount {
  readonly is: 'account'
  readonly id: number
  /** As the account has it. */
  readonly email: string | null
}

/** Somebody who has no account yet. */
export interface Address {
  readonly is: 'address'
  /** Trimmed and folded. */
  readonly email: string
}

interface Nobody {
  readonly is: 'nobody'
  readonly email: string | null
  readonly refusal: Refusal
}

/** How a row names somebody. */
type LearnerNames = Pick<RowOrder, 'userId' | 'username' | 'email'>

/**
 * Finds out whom rows mean, and locks the accounts in the order of their ids: transactions that enroll the same learners
 * wait for each other. Whoever writes what the tenant knows of a learner takes this lock first.
 *
 * An address that belongs to an account is accepted whatever its form; any other has to be an e-mail address.
 *
 * @param whenDiffers `idWins`: a row with a userId is about that account, whatever other names it has.
 * @returns one person per row, in order.
 */
export async function lockPeople(
  trx: Transaction<EnterpriseDB>,
  rows: readonly LearnerNames[],
  whenDiffers: EnrollLearnersOrder['whenIdentityDiffers'],
): Promise<Person[]> {
  const names = rows.map((row) => namesOf(row, whenDiffers))
  const accounts = await lockLearners(trx, {
    ids: names.flatMap(({ userId }) => userId?.lookup ?? []),
    usernames: names.flatMap(({ username }) => username?.lookup ?? []),
    emails: names.flatMap(({ email }) => email?.lookup ?? []),
  })
  return names.map((name) => personOf(name, accounts))
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
  whenDiffers: EnrollLearnersOrder['whenIdentityDiffers'],
): Names {
  const byId = userId === undefined ? null : { sent: userId, lookup: learnerLookup({ userId }).userId }
  if (byId !== null && whenDiffers === 'idWins') return { userId: byId, username: null, email: null }
  return {
    userId: byId,
    username: username === undefined ? null : { sent: username, lookup: learnerLookup({ username }).username },
    email: email === undefined ? null : { sent: email, lookup: learnerLookup({ email }).email },
  }
}

function personOf(names: Names, { byId, byUsername, byEmail }: ResolvedLearners): Person {
  const { userId, username, email } = names
  const address = email?.lookup ?? null
  const nobody = (refusal: Refusal): Nobody => ({ is: 'nobody', email: email?.sent ?? null, refusal })

  if (userId !== null || username !== null) {
    const account = userId === null ? byUsername.get(username?.lookup ?? '') : byId.get(userId.lookup ?? 0)
    if (account === undefined) return nobody(refusalFrom(failure('learnerNotFound', learnerOf(names))))
    if (username !== null && username.lookup !== account.username) return nobody(mismatch('username'))
    if (email !== null && (address === null || byEmail.get(address) !== account)) {
      return nobody(mismatch('email'))
    }
    return { is: 'account', id: account.id, email: account.email }
  }
  const account = byEmail.get(address ?? '')
  if (account !== undefined) return { is: 'account', id: account.id, email: account.email }
  if (email === null || address === null || !isEmailAddress(email.sent)) {
    return nobody(refusal('invalidEmail', { email: email?.sent ?? '' }))
  }
  return { is: 'address', email: address }
}

function learnerOf({ userId, username }: Names) {
  return userId === null ? { username: username?.sent ?? '' } : { userId: userId.sent }
}

function mismatch(field: 'username' | 'email'): Refusal {
  return refusal('identityMismatch', { field })
}
