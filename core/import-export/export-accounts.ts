import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { PAGE_SIZE, pagesOf } from './pages.ts'

/** Exports the accounts. */
export function exportAccounts(db: Kysely<DB>): AsyncGenerator<string> {
  const learners = db
    .selectFrom('learners')
    .select(['id', 'user_id', 'is_id_of_lms', 'username', 'email', 'name'])
    .select(['is_active', 'is_staff', 'is_superuser', 'country', 'year_of_birth'])
    .orderBy('id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => learners.where('id', '>', after?.id ?? 0).execute(),
    (row) => ({
      type: 'user',
      id: row.user_id,
      ...(!row.is_id_of_lms && { idDrawnHere: true }),
      username: row.username,
      email: row.email,
      name: row.name,
      isActive: row.is_active,
      isStaff: row.is_staff,
      isSuperuser: row.is_superuser,
      country: row.country,
      yearOfBirth: row.year_of_birth,
    }),
  )
}

/** Exports the roles. */
export function exportRoles(db: Kysely<DB>): AsyncGenerator<string> {
  const roles = db
    .selectFrom('roles as r')
    .innerJoin('learners as l', 'l.id', 'r.learner_id')
    .select(['r.id', 'l.username', 'r.role', 'r.org', 'r.course_key'])
    .orderBy('r.id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => roles.where('r.id', '>', after?.id ?? 0).execute(),
    (row) => ({ type: 'role', username: row.username, role: row.role, org: row.org, courseId: row.course_key }),
  )
}

/** Exports the retirements. */
export function exportRetirements(db: Kysely<DB>): AsyncGenerator<string> {
  const retirements = db
    .selectFrom('retirements as r')
    .innerJoin('learners as l', 'l.id', 'r.learner_id')
    .select(['r.id', 'l.username', 'r.state'])
    .orderBy('r.id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => retirements.where('r.id', '>', after?.id ?? 0).execute(),
    (row) => ({ type: 'retirement', username: row.username, state: row.state }),
  )
}
