import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import { foldedAddress } from './fold-address.ts'

export interface LockedAccount {
  readonly id: number
  readonly username: string
  readonly email: string | null
  readonly foldedEmail: string | null
}

/** The accounts that were found, by each of their names. */
export interface LockedAccounts {
  readonly byId: ReadonlyMap<number, LockedAccount>
  readonly byUsername: ReadonlyMap<string, LockedAccount>
  /** By the folded address. */
  readonly byEmail: ReadonlyMap<string, LockedAccount>
}

/**
 * Locks the accounts that have one of the names, in the order of their ids. Whoever writes what the extension knows of a
 * learner takes this lock first: transactions about the same learners wait for each other, and never deadlock.
 *
 * @param names.emails folded.
 */
export async function lockAccounts(
  trx: Transaction<EnterpriseDB>,
  {
    ids = [],
    usernames = [],
    emails = [],
  }: { ids?: readonly number[]; usernames?: readonly string[]; emails?: readonly string[] },
): Promise<LockedAccounts> {
  const { rows } = await trx.executeQuery<LockedAccount>(CompiledQuery.raw(LOCK, [ids, usernames, emails]))
  return {
    byId: new Map(rows.map((account) => [account.id, account])),
    byUsername: new Map(rows.map((account) => [account.username, account])),
    byEmail: new Map(rows.flatMap((account) => (account.foldedEmail === null ? [] : [[account.foldedEmail, account]]))),
  }
}

const LOCK = `/* enterprise.lockAccounts */
select id, username, email, ${foldedAddress('email')} as "foldedEmail" from learners
where id = any ((select $1::integer[])::integer[]) or username = any ((select $2::text[])::text[])
  or ${foldedAddress('email')} = any ((select $3::text[])::text[])
order by id for no key update`
