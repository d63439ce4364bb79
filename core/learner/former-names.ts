import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { foldEmail } from './email-address.ts'

/** The names under which accounts were retired, with the keys of these accounts. */
export interface FormerNames {
  readonly usernames: ReadonlyMap<string, number>
  /** By the folded address. */
  readonly emails: ReadonlyMap<string, number>
}

/** Reads which of the names are those of somebody before they were retired. */
export async function readFormerNames(
  db: Kysely<DB>,
  { usernames, emails }: { readonly usernames: readonly string[]; readonly emails: readonly string[] },
): Promise<FormerNames> {
  const { rows } = await sql<{ learner_id: number; original_username: string; email: string | null }>`
    select learner_id, original_username, fold_email(original_email) as email from retirements
    where original_username = any (${usernames}::text[])
    union
    select learner_id, original_username, fold_email(original_email) from retirements
    where original_email is not null and fold_email(original_email) = any (${emails}::text[])`.execute(db)
  return {
    usernames: new Map(rows.map((row) => [row.original_username, row.learner_id])),
    emails: new Map(rows.flatMap((row) => (row.email === null ? [] : [[row.email, row.learner_id] as const]))),
  }
}

/**
 * Whether somebody brings the former name of another who was retired, which makes no account again (adoption.md §1). What the
 * account has already stays its own. Pure.
 *
 * @param account whose names they are to be; null: a new one.
 * @returns for a person, which of the names it is; null: none.
 */
export function formerNameOf(
  brought: { readonly username: string; readonly email: string | null },
  account: { readonly id: number; readonly username: string; readonly email: string | null } | null,
  { usernames, emails }: FormerNames,
): 'username' | 'email' | null {
  const isOfAnother = (holder: number | undefined) => holder !== undefined && holder !== account?.id
  if (isOfAnother(usernames.get(brought.username)) && account?.username !== brought.username) return 'username'
  if (brought.email === null) return null
  const email = foldEmail(brought.email)
  const own = account?.email === null || account === null ? null : foldEmail(account.email)
  return isOfAnother(emails.get(email)) && own !== email ? 'email' : null
}

/** Those of the accounts that have asked to be retired, whether or not it is over. */
export async function readRetirementRequests(db: Kysely<DB>, learnerIds: readonly number[]): Promise<Set<number>> {
  if (learnerIds.length === 0) return new Set()
  const rows = await db
    .selectFrom('retirement_requests')
    .select('learner_id')
    .where('learner_id', '=', sql<number>`any (${learnerIds}::integer[])`)
    .execute()
  return new Set(rows.map((row) => row.learner_id))
}
