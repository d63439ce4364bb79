import type { Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { foldEmail } from '../learner/email-address.ts'
import { identify, type Conflict, type Identified, type Identity } from '../learner/identify.ts'
import { resolveLearners, type Account } from '../learner/resolve.ts'
import type { Numbered } from './group-importer.ts'
import { trackHolders } from './holders.ts'
import type { LineOf } from './lines.ts'

/** An account as the lines so far have left it. */
export interface LineAccount extends Identity {
  /** The same for all lines about the account. */
  readonly key: string
  username: string
  /** 0: one has yet to be drawn. */
  userId: number
  isIdOfLms: boolean
  /** As it is in the database; null: a line adds it. */
  readonly stored: Account | null
}

/** The accounts that lines are about, while each line is read as if those before it were written already. */
export interface LineAccounts {
  /** Whom a line is about. */
  find(line: UserLine): Identified<LineAccount> | Conflict
  /** Who has a folded e-mail address; undefined: nobody. */
  holderOf(address: string): LineAccount | undefined
  /** Gives the names of a line to the account that it is about. */
  give(identified: Identified<LineAccount>, line: UserLine, lineNumber: number): LineAccount
  /** The stored accounts that have another username or id now. */
  changed(): LineAccount[]
  /** The stored accounts of whose names, as they are stored, somebody else has one now. */
  passedOn(): PassedOn
}

/** Ids inside the database. */
export interface PassedOn {
  readonly usernames: readonly number[]
  readonly userIds: readonly number[]
  readonly emails: readonly number[]
}

type UserLine = LineOf<'user'>

/**
 * Reads the accounts that lines may be about.
 *
 * @param added gets each username that a line gives to an account, with the number of the line.
 */
export async function readAccounts(
  trx: Transaction<DB>,
  lines: readonly Numbered<'user'>[],
  added: Map<string, number>,
): Promise<LineAccounts> {
  const { byId } = await resolveLearners(trx, {
    usernames: lines.map(({ line }) => line.username),
    emails: lines.flatMap(({ line }) => (line.email === null ? [] : foldEmail(line.email))),
    userIds: lines.flatMap(({ line }) => line.id ?? []),
  })
  const accounts = new Map([...byId.values()].map((stored) => [String(stored.id), accountOf(stored)]))
  const stored = [...accounts.values()]
  const usernames = trackHolders(new Map(stored.map(({ key, username }) => [key, username])))
  const userIds = trackHolders(new Map(stored.map(({ key, userId }) => [key, String(userId)])))
  const emails = trackHolders(new Map(stored.flatMap((one) => addressesOf(one))))
  const holderIn = (holders: typeof usernames, name: string) => accounts.get(holders.holderOf(name) ?? '')

  return {
    find({ username, id, idDrawnHere }) {
      const byUsername = holderIn(usernames, username)
      const userId = idDrawnHere || id === undefined ? null : id
      return identify(
        { username, userId },
        { byUsername, byUserId: userId === null ? undefined : holderIn(userIds, String(userId)) },
      )
    },
    holderOf: (address) => holderIn(emails, address),
    give({ account: found, displaced }, line, lineNumber) {
      if (displaced !== null) {
        displaced.userId = 0
        userIds.give(displaced.key, null)
      }
      const account = found ?? newAccount(line.username, lineNumber)
      accounts.set(account.key, account)
      if (usernames.holderOf(line.username) !== account.key) added.set(line.username, lineNumber)
      account.username = line.username
      usernames.give(account.key, line.username)
      emails.give(account.key, line.email && foldEmail(line.email))
      const isWish = line.idDrawnHere && found === null
      const isFree = line.id !== undefined && userIds.holderOf(String(line.id)) === undefined
      if (line.id !== undefined && (!line.idDrawnHere || (isWish && isFree))) {
        account.userId = line.id
        account.isIdOfLms = !line.idDrawnHere
        userIds.give(account.key, String(line.id))
      }
      return account
    },
    changed: () => stored.filter(isChanged),
    passedOn: () => ({
      usernames: usernames.passedOn().map(Number),
      userIds: userIds.passedOn().map(Number),
      emails: emails.passedOn().map(Number),
    }),
  }
}

function accountOf(stored: Account): LineAccount {
  const { id, username, userId, isIdOfLms } = stored
  return { key: String(id), username, userId, isIdOfLms, stored }
}

function newAccount(username: string, lineNumber: number): LineAccount {
  return { key: `line ${lineNumber}`, username, userId: 0, isIdOfLms: false, stored: null }
}

function addressesOf({ key, stored }: LineAccount): (readonly [string, string])[] {
  return stored === null || stored.email === null ? [] : [[key, foldEmail(stored.email)]]
}

function isChanged({ stored, ...now }: LineAccount): boolean {
  if (stored === null) return false
  const isSame = stored.username === now.username && stored.userId === now.userId
  return !isSame || stored.isIdOfLms !== now.isIdOfLms
}
