import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'

/** The most characters of a full name that are stored. */
const MAX_NAME_LENGTH = 255

/** What becomes of who an account is; what is left out stays. */
export type IdentityChange =
  | { readonly username?: string; readonly userId?: number; readonly email?: string }
  /** A new id is drawn, above this one and all others. */
  | { readonly drawAbove: number }

/** Changes who an account is, whose row is locked. An id that is given is one of the LMS. */
export async function changeIdentity(trx: Transaction<DB>, id: number, change: IdentityChange): Promise<void> {
  const values =
    'drawAbove' in change
      ? { user_id: sql<number>`draw_user_id(${change.drawAbove}::integer)` }
      : {
          ...(change.username !== undefined && { username: change.username }),
          ...(change.email !== undefined && { email: change.email }),
          ...(change.userId !== undefined && { user_id: change.userId, is_id_of_lms: true }),
        }
  await trx.updateTable('learners').set(values).where('id', '=', id).execute()
}

/**
 * Makes an account; without an id one is drawn.
 *
 * @returns false when its username, its id or its e-mail address was taken meanwhile.
 */
export async function insertAccount(
  trx: Transaction<DB>,
  account: {
    readonly username: string
    readonly userId: number | null
    readonly email: string | null
    readonly name: string
  },
): Promise<boolean> {
  const { username, userId, email } = account
  const name = [...account.name].slice(0, MAX_NAME_LENGTH).join('')
  const { numInsertedOrUpdatedRows = 0n } = await trx
    .insertInto('learners')
    .values({ username, email, name, ...(userId !== null && { user_id: userId, is_id_of_lms: true }) })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows > 0n
}
