import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { foldEmail } from './email-address.ts'

/** An account of a learner. */
export interface Account {
  /** The key inside this database; nobody outside is shown it. */
  readonly id: number
  /** The id that everybody is shown: that of the LMS, or one that was drawn here (run §3, Identity). */
  readonly userId: number
  readonly isIdOfLms: boolean
  readonly username: string
  readonly email: string | null
  readonly isActive: boolean
  /** Whether staff has locked it out: its tokens are refused (adoption.md §1). */
  readonly isDisabled: boolean
  /** Global staff of the site. */
  readonly isStaff: boolean
  readonly isSuperuser: boolean
  readonly yearOfBirth: number | null
}

/** Names of accounts, in any number of each kind, as `learnerLookup` prepares them. */
export interface LearnerNames {
  /** Keys inside this database. */
  readonly ids?: readonly number[]
  readonly userIds?: readonly number[]
  readonly usernames?: readonly string[]
  /** Folded by `foldEmail`. */
  readonly emails?: readonly string[]
}

/** The accounts that were found, by each of their names. */
export interface ResolvedLearners {
  readonly byId: ReadonlyMap<number, Account>
  readonly byUserId: ReadonlyMap<number, Account>
  readonly byUsername: ReadonlyMap<string, Account>
  /** By the folded e-mail address. */
  readonly byEmail: ReadonlyMap<string, Account>
}

/** Finds the accounts that have one of the names, in one statement. */
export async function resolveLearners(db: Kysely<DB>, names: LearnerNames): Promise<ResolvedLearners> {
  return byNames(await selectAccounts(db, names).execute())
}

/**
 * Finds the accounts that have one of the names, and locks them in the order of their ids: transactions that lock the same
 * learners wait for each other, and never in a circle.
 */
export async function lockLearners(trx: Transaction<DB>, names: LearnerNames): Promise<ResolvedLearners> {
  return byNames(await selectAccounts(trx, names).orderBy('id').forNoKeyUpdate().execute())
}

function selectAccounts(db: Kysely<DB>, { ids = [], userIds = [], usernames = [], emails = [] }: LearnerNames) {
  // In subqueries, so that planning does not grow with the lengths of the arrays.
  const conditions: RawBuilder<boolean>[] = []
  if (ids.length > 0) conditions.push(sql`id = any ((select ${ids}::integer[])::integer[])`)
  if (userIds.length > 0) conditions.push(sql`user_id = any ((select ${userIds}::integer[])::integer[])`)
  if (usernames.length > 0) conditions.push(sql`username = any ((select ${usernames}::text[])::text[])`)
  if (emails.length > 0) conditions.push(sql`fold_email(email) = any ((select ${emails}::text[])::text[])`)
  return db
    .selectFrom('learners')
    .select([
      'id',
      'user_id as userId',
      'is_id_of_lms as isIdOfLms',
      'username',
      'email',
      'is_active as isActive',
      'is_disabled as isDisabled',
      'is_staff as isStaff',
      'is_superuser as isSuperuser',
      'year_of_birth as yearOfBirth',
    ])
    .where((eb) => eb.or(conditions))
}

function byNames(accounts: readonly Account[]): ResolvedLearners {
  return {
    byId: new Map(accounts.map((account) => [account.id, account])),
    byUserId: new Map(accounts.map((account) => [account.userId, account])),
    byUsername: new Map(accounts.map((account) => [account.username, account])),
    byEmail: new Map(
      accounts.flatMap((account) => (account.email === null ? [] : [[foldEmail(account.email), account] as const])),
    ),
  }
}
