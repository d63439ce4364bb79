import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { findAccount, type Account } from './account.ts'
import { EMAIL_FORM } from './email-address.ts'

/** The most characters of a full name that are stored. */
const MAX_NAME_LENGTH = 255

/** What a trusted source, such as a token, tells about somebody who may have no account yet. */
export interface Profile {
  /** 1 to 150 characters that the database can store. */
  readonly username: string
  /** At most 254 characters that the database can store; null: none is known. What does not look like one is dropped. */
  readonly email: string | null
  readonly name: string
}

export interface SignUp {
  readonly account: Account
  readonly isNew: boolean
  /** The e-mail address belongs to another account, so the new one has none. */
  readonly isEmailTaken: boolean
}

/**
 * Finds the account of a username, or makes it. An existing account is left as it is. Any number of calls for one
 * username at the same time make one account.
 */
export async function signUp(db: Kysely<DB>, profile: Profile): Promise<SignUp> {
  const { username } = profile
  const existing = await findAccount(db, { username })
  if (existing !== null) return { account: existing, isNew: false, isEmailTaken: false }
  if (await insert(db, profile))
    return { account: await existingAccount(db, username), isNew: true, isEmailTaken: false }
  const other = await findAccount(db, { username })
  if (other !== null) return { account: other, isNew: false, isEmailTaken: false }
  const isNew = await insert(db, { ...profile, email: null })
  return { account: await existingAccount(db, username), isNew, isEmailTaken: isNew }
}

/** Whether the account was made; it is not when its username or its e-mail address is taken. */
async function insert(db: Kysely<DB>, profile: Profile): Promise<boolean> {
  const { username } = profile
  const email = profile.email !== null && EMAIL_FORM.test(profile.email) ? profile.email : null
  const name = [...profile.name].slice(0, MAX_NAME_LENGTH).join('')
  const { numInsertedOrUpdatedRows = 0n } = await db
    .insertInto('learners')
    .values({ username, email, name })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows > 0n
}

async function existingAccount(db: Kysely<DB>, username: string): Promise<Account> {
  const account = await findAccount(db, { username })
  if (account === null) throw new Error('An account that was just made is gone')
  return account
}
