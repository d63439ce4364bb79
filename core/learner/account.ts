import { sql, type Kysely } from 'kysely'
import { coalescedRead } from '../database/coalesced-read.ts'
import type { DB } from '../database/schema.ts'
import { isLearner } from '../enrollment/read.ts'
import { learnerLookup, type LearnerRef } from './ref.ts'

/** A person whom the service knows. */
export interface Account {
  readonly id: number
  readonly username: string
  readonly email: string | null
  readonly isActive: boolean
  /** Global staff of the site. */
  readonly isStaff: boolean
  readonly isSuperuser: boolean
  readonly yearOfBirth: number | null
}

/** Finds an account by one of its names; null when there is none. */
export async function findAccount(db: Kysely<DB>, learner: LearnerRef): Promise<Account | null> {
  const { username } = learnerLookup(learner)
  if (username !== null) return (await accountByUsername(db, username)) ?? null
  const row = await selectAccounts(db)
    .where((eb) => isLearner(eb, learner))
    .executeTakeFirst()
  return row === undefined ? null : accountOf(row)
}

const accountByUsername = coalescedRead(async (db, usernames): Promise<Map<string, Account>> => {
  const rows = await selectAccounts(db)
    .where('l.username', '=', sql<string>`any (${usernames}::text[])`)
    .execute()
  return new Map(rows.map((row) => [row.username, accountOf(row)]))
})

function selectAccounts(db: Kysely<DB>) {
  return db
    .selectFrom('learners as l')
    .select(['l.id', 'l.username', 'l.email', 'l.is_active', 'l.is_staff', 'l.is_superuser', 'l.year_of_birth'])
}

type Row = Awaited<ReturnType<ReturnType<typeof selectAccounts>['execute']>>[number]

function accountOf(row: Row): Account {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    isActive: row.is_active,
    isStaff: row.is_staff,
    isSuperuser: row.is_superuser,
    yearOfBirth: row.year_of_birth,
  }
}
