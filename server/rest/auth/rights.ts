import type { Actor } from '../../../core/enrollment/command.ts'
import type { Account } from '../../../core/learner/account.ts'

/** Who asks, by the credentials of the request. */
export interface Identity {
  /** Null: nobody signed in. */
  readonly account: Account | null
  /** What a valid token says about its holder beside the account. */
  readonly claims: { readonly isStaff: boolean; readonly isSuperuser: boolean }
  readonly hasApiKey: boolean
}

/** What a caller may do here (rest-v1 §2.2). */
export interface Rights {
  readonly account: Account | null
  /** Empty where nobody signed in: no account is called so. */
  readonly username: string
  readonly hasApiKey: boolean
  readonly isGlobalStaff: boolean
  readonly isSuperuser: boolean
  /** May see and change the enrollments of others: global staff, and whoever has the API key. */
  readonly isPrivileged: boolean
}

/** Works out the rights of a caller; whatever a route asks about them is answered from these. */
export function rightsOf({ account, claims, hasApiKey }: Identity): Rights {
  const isGlobalStaff = account !== null && (account.isStaff || claims.isStaff)
  return {
    account,
    username: account?.username ?? '',
    hasApiKey,
    isGlobalStaff,
    isSuperuser: account !== null && (account.isSuperuser || claims.isSuperuser),
    isPrivileged: isGlobalStaff || hasApiKey,
  }
}

export const NOBODY: Identity = { account: null, claims: { isStaff: false, isSuperuser: false }, hasApiKey: false }

/** A route's answer to whether a caller may come in at all (rest-v1 §2.1). */
export type Permission = (rights: Rights) => boolean | Promise<boolean>

export const anybody: Permission = () => true

export const keyOrAccount: Permission = ({ hasApiKey, account }) => hasApiKey || account !== null

export const globalStaff: Permission = ({ isGlobalStaff }) => isGlobalStaff

/** Whether the caller may act on the enrollments of the username, or read them. */
export function mayActFor(rights: Rights, username: string): boolean {
  return rights.isPrivileged || username === rights.username
}

const MODES_FOR_EVERYBODY: readonly (string | null)[] = ['audit', 'honor', null]

/** Whether the caller may ask for the mode; null: for none in particular. */
export function mayAskForMode(rights: Rights, mode: string | null): boolean {
  return rights.isPrivileged || MODES_FOR_EVERYBODY.includes(mode)
}

/** Whom the history of an enrollment names for what the caller does. */
export function actorOf({ account }: Rights): Actor {
  return account === null ? { kind: 'service', name: 'api-key' } : { kind: 'user', name: account.username }
}
