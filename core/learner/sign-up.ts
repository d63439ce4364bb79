import type { Kysely, Transaction } from 'kysely'
import { noteArrivals } from '../auto-enrollment/arrivals.ts'
import { isUniqueViolation } from '../database/failure.ts'
import { LOST_RACE, retryOnSerializationFailure, type LostRace } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { inTransaction } from '../database/transaction.ts'
import { findAccount, type Account } from './account.ts'
import { EMAIL_FORM, foldEmail } from './email-address.ts'
import { formerNameOf, readFormerNames, readRetirementRequests } from './former-names.ts'
import { identify } from './identify.ts'
import { lockLearners } from './resolve.ts'
import { changeIdentity, insertAccount } from './write-identity.ts'

/** What a trusted source, such as a token, tells about somebody who may have no account yet. */
export interface Profile {
  /** 1 to 150 characters that the database can store. */
  readonly username: string
  /** At most 254 characters that the database can store; null: none is known. What does not look like one is dropped. */
  readonly email: string | null
  readonly name: string
  /** The id of the LMS, 1 to 2^31 - 1; null or left out: unknown. */
  readonly userId?: number | null | undefined
}

export interface SignUp {
  readonly account: Account
  readonly isNew: boolean
  /** The e-mail address belongs to another account, so the new one has none. */
  readonly isEmailTaken: boolean
}

/**
 * The username belongs to an account with another id, and who of the two it is, nobody can tell; or to somebody who was retired,
 * and makes no account again. The message says which.
 */
export class IdentityConflict extends Error {
  override readonly name = 'IdentityConflict'
}

/**
 * Finds the account of a profile, or makes it. Without an id an existing account is left as it is; an id of the LMS decides who
 * it is, whose username and address it then takes over (run §3, Identity). Any number of calls at the same time make one account.
 *
 * @throws {IdentityConflict}
 */
export async function signUp(db: Kysely<DB>, profile: Profile): Promise<SignUp> {
  const known = await findAccount(db, { username: profile.username })
  if (known !== null && (await isUpToDate(db, known, profile))) return existing(known)
  return retryOnSerializationFailure(db, async () => {
    try {
      return await inTransaction(db, (trx) => signUpInside(trx, profile))
    } catch (error) {
      if (isUniqueViolation(error) && !db.isTransaction) return LOST_RACE
      throw error
    }
  })
}

function existing(account: Account): SignUp {
  return { account, isNew: false, isEmailTaken: false }
}

/** Whether nothing that the profile says has to be written; an address that belongs to another is not. */
async function isUpToDate(db: Kysely<DB>, account: Account, profile: Profile): Promise<boolean> {
  const { userId = null } = profile
  if (userId === null) return true
  if (!account.isIdOfLms || account.userId !== userId) return false
  const email = addressOf(profile)
  if (email === null || hasAddress(account, email)) return true
  return (await findAccount(db, { email })) !== null
}

async function signUpInside(trx: Transaction<DB>, profile: Profile): Promise<SignUp | LostRace> {
  const { username, userId = null } = profile
  const email = addressOf(profile)
  const found = await lockLearners(trx, {
    usernames: [username],
    userIds: userId === null ? [] : [userId],
    emails: email === null ? [] : [foldEmail(email)],
  })
  const byUserId = userId === null ? undefined : found.byUserId.get(userId)
  const identified = identify({ username, userId }, { byUsername: found.byUsername.get(username), byUserId })
  if ('conflict' in identified) throw new IdentityConflict(identified.conflict)
  const { account, displaced } = identified
  if (account !== null && userId === null) return existing(account)

  const former = await formerName(trx, { username, email }, account)
  if (former === 'username' || (former === 'email' && account === null)) {
    throw new IdentityConflict(`the ${former} of '${username}' was that of a retired account`)
  }
  const holder = email === null ? undefined : found.byEmail.get(foldEmail(email))
  const isEmailTaken = former === 'email' || (holder !== undefined && holder !== account)
  const given = isEmailTaken ? null : email
  if (displaced !== null) await changeIdentity(trx, displaced.id, { drawAbove: userId ?? 0 })
  if (account === null) {
    const isNew = await insertAccount(trx, { username, userId, email: given, name: profile.name })
    if (!isNew) return LOST_RACE
  } else {
    await changeIdentity(trx, account.id, {
      username,
      ...(userId !== null && { userId }),
      ...(given !== null && !hasAddress(account, given) && { email: given }),
    })
  }
  const isArrival = account === null || (given !== null && !hasAddress(account, given))
  if (isArrival) await noteArrivals(trx, [username], 'rest')
  const now = await findAccount(trx, { username })
  if (now === null) throw new Error('An account that was just written is gone')
  return { account: now, isNew: account === null, isEmailTaken: isEmailTaken && account === null }
}

/** Which of the names makes no account again. A token that was made before its holder was retired gives nobody their name back. */
async function formerName(
  trx: Transaction<DB>,
  brought: { readonly username: string; readonly email: string | null },
  account: Account | null,
): Promise<'username' | 'email' | null> {
  const emails = brought.email === null ? [] : [foldEmail(brought.email)]
  const names = await readFormerNames(trx, { usernames: [brought.username], emails })
  const isRenamed = account !== null && account.username !== brought.username
  if (isRenamed && names.usernames.has(brought.username)) return 'username'
  if (isRenamed && (await readRetirementRequests(trx, [account.id])).size > 0) return 'username'
  return formerNameOf(brought, account, names)
}

function addressOf({ email }: Profile): string | null {
  return email !== null && EMAIL_FORM.test(email) ? email : null
}

function hasAddress(account: Account, email: string): boolean {
  return account.email !== null && foldEmail(account.email) === foldEmail(email)
}
