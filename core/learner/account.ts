import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { isLearner } from '../enrollment/read.ts'
import type { LearnerRef } from './ref.ts'

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
  const row = await db
    .selectFrom('learners as l')
    .select(['l.id', 'l.username', 'l.email', 'l.is_active', 'l.is_staff', 'l.is_superuser', 'l.year_of_birth'])
    .where((eb) => isLearner(eb, learner))
    .executeTakeFirst()
  if (row === undefined) return null
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
