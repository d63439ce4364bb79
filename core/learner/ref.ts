import { isStorableText } from '../text.ts'
import { foldEmail, MAX_EMAIL_LENGTH } from './email-address.ts'

/** Names one account: exactly one of its names (rpc §2). */
export type LearnerRef = { username: string } | { email: string } | { userId: string }

/** A reference taken apart into the columns that a set-based lookup joins on; at most one is not null. */
export interface LearnerLookup {
  readonly username: string | null
  /** Folded by {@link foldEmail}: it equals the SQL `fold_email(email)` of the account. */
  readonly email: string | null
  readonly userId: number | null
}

export const MAX_USERNAME_LENGTH = 150
/** The largest id of an account; the smallest is 1. */
export const MAX_USER_ID = 2_147_483_647

/**
 * Prepares a reference for a lookup: the username is exact, the e-mail address is trimmed and folded, the id is a whole number. What no account can have (too long, not a number, a NUL character)
 * becomes a lookup that finds nothing, so that it never reaches SQL.
 */
export function learnerLookup(learner: LearnerRef): LearnerLookup {
  if ('username' in learner) return { ...NOBODY, username: storable(learner.username, MAX_USERNAME_LENGTH) }
  if ('email' in learner) {
    const email = storable(learner.email.trim(), MAX_EMAIL_LENGTH)
    return { ...NOBODY, email: email && foldEmail(email) }
  }
  return { ...NOBODY, userId: integer(learner.userId) }
}

const NOBODY: LearnerLookup = { username: null, email: null, userId: null }

function storable(text: string, maxLength: number): string | null {
  const isTooLong = text.length > maxLength && [...text].length > maxLength
  return text === '' || isTooLong || !isStorableText(text) ? null : text
}

function integer(text: string): number | null {
  if (!/^\d{1,10}$/.test(text)) return null
  const value = Number(text)
  return value >= 1 && value <= MAX_USER_ID ? value : null
}
