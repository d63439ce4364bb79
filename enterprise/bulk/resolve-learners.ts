import { CompiledQuery, type Transaction } from 'kysely'
import { failure } from '../../core/errors.ts'
import { isEmailAddress, learnerLookup } from '../../routers/extension.ts'
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
  /** In lower case, trimmed. */
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
  const lower = await lowerCased(
    trx,
    names.flatMap(({ email }) => email?.lookup ?? []),
  )
  const accounts = await lockAccounts(trx, {
    ids: names.flatMap(({ userId }) => userId?.lookup ?? []),
    usernames: names.flatMap(({ username }) => username?.lookup ?? []),
    emails: [...lower.values()],
  })
  return names.map((name) => personOf(name, lower, accounts))
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

/** Lower-cases texts as the database does it, whose unique indexes say which addresses are equal. */
export async function lowerCased(
  trx: Transaction<EnterpriseDB>,
  texts: readonly string[],
): Promise<Map<string, string>> {
  if (texts.length === 0) return new Map()
  const { rows } = await trx.executeQuery<{ text: string; lower: string }>(
    CompiledQuery.raw(`select text, lower(text) from unnest($1::text[]) as text`, [[...new Set(texts)]]),
  )
  return new Map(rows.map((row) => [row.text, row.lower]))
}

interface AccountRow {
  readonly id: number
  readonly username: string
  readonly email: string | null
  readonly lower_email: string | null
}

interface Accounts {
  readonly byId: ReadonlyMap<number, AccountRow>
  readonly byUsername: ReadonlyMap<string, AccountRow>
  readonly byEmail: ReadonlyMap<string, AccountRow>
}

/** Locks the accounts that have one of the names, in the order of their ids. */
export async function lockAccounts(
  trx: Transaction<EnterpriseDB>,
  { ids, usernames, emails }: { ids: readonly number[]; usernames: readonly string[]; emails: readonly string[] },
): Promise<Accounts> {
  const { rows } = await trx.executeQuery<AccountRow>(CompiledQuery.raw(LOCK, [ids, usernames, emails]))
  return {
    byId: new Map(rows.map((row) => [row.id, row])),
    byUsername: new Map(rows.map((row) => [row.username, row])),
    byEmail: new Map(rows.flatMap((row) => (row.lower_email === null ? [] : [[row.lower_email, row] as const]))),
  }
}

const LOCK = `/* enterprise.people */
select id, username, email, lower(email) as lower_email from learners
where id = any ((select $1::integer[])::integer[]) or username = any ((select $2::text[])::text[])
  or lower(email) = any ((select $3::text[])::text[])
order by id for no key update`

function personOf(names: Names, lower: ReadonlyMap<string, string>, { byId, byUsername, byEmail }: Accounts): Person {
  const { userId, username, email } = names
  const lowerEmail = lower.get(email?.lookup ?? '')
  const nobody = (refusal: Refusal): Nobody => ({ is: 'nobody', email: email?.sent ?? null, refusal })

  if (userId !== null || username !== null) {
    const account = userId === null ? byUsername.get(username?.lookup ?? '') : byId.get(userId.lookup ?? 0)
    if (account === undefined) return nobody(refusalFrom(failure('learnerNotFound', learnerOf(names))))
    if (username !== null && username.lookup !== account.username) return nobody(mismatch('username'))
    if (email !== null && (lowerEmail === undefined || lowerEmail !== account.lower_email)) {
      return nobody(mismatch('email'))
    }
    return { is: 'account', id: account.id, email: account.email }
  }
  const account = byEmail.get(lowerEmail ?? '')
  if (account !== undefined) return { is: 'account', id: account.id, email: account.email }
  if (email === null || lowerEmail === undefined || !isEmailAddress(email.sent)) {
    return nobody(refusal('invalidEmail', { email: email?.sent ?? '' }))
  }
  return { is: 'address', email: lowerEmail }
}

function learnerOf({ userId, username }: Names) {
  return userId === null ? { username: username?.sent ?? '' } : { userId: userId.sent }
}

function mismatch(field: 'username' | 'email'): Refusal {
  return refusal('identityMismatch', { field })
}
