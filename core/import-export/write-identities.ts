import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { LineAccount, PassedOn } from './line-accounts.ts'

/** Draws ids for the accounts that lack one, above all that lines have brought, and gives them to these. */
export async function drawUserIds(trx: Transaction<DB>, accounts: readonly LineAccount[]): Promise<void> {
  const waiting = accounts.filter(({ userId }) => userId === 0)
  if (waiting.length === 0) return
  const above = accounts.reduce((highest, { userId }) => Math.max(highest, userId), 0)
  const { rows } = await sql<{ id: number }>`
    select draw_user_id(${above}::integer) as id from generate_series(1, ${waiting.length}::integer)`.execute(trx)
  const drawn = rows.map(({ id }) => id).values()
  for (const account of waiting) account.userId = drawn.next().value ?? 0
}

/**
 * Takes names from the accounts that somebody else is about to have them: a unique index looks at each row of a statement, so
 * that a name has to be released before it is given.
 */
export async function releaseNames(trx: Transaction<DB>, { usernames, userIds, emails }: PassedOn): Promise<void> {
  if (usernames.length > 0) {
    await sql`update learners set username = 'renamed ' || gen_random_uuid()
      where id = any (${usernames}::integer[])`.execute(trx)
  }
  if (userIds.length > 0) {
    await sql`update learners set user_id = draw_user_id() where id = any (${userIds}::integer[])`.execute(trx)
  }
  if (emails.length > 0) {
    await sql`update learners set email = null where id = any (${emails}::integer[])`.execute(trx)
  }
}

/** Writes usernames and ids of stored accounts, all of which are free. */
export async function writeIdentities(trx: Transaction<DB>, accounts: readonly LineAccount[]): Promise<void> {
  if (accounts.length === 0) return
  await sql`
    update learners t set username = a.username, user_id = a.user_id, is_id_of_lms = a.is_id_of_lms
    from unnest(${accounts.map(({ key }) => Number(key))}::integer[],
      ${accounts.map(({ username }) => username)}::text[],
      ${accounts.map(({ userId }) => userId)}::integer[],
      ${accounts.map(({ isIdOfLms }) => isIdOfLms)}::boolean[]) as a (id, username, user_id, is_id_of_lms)
    where t.id = a.id`.execute(trx)
}
