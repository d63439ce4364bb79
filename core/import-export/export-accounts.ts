import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { PAGE_SIZE, pagesOf } from './pages.ts'

/** Exports the accounts. */
export function exportAccounts(db: Kysely<DB>): AsyncGenerator<string> {
  const learners = db
    .selectFrom('learners')
    .select(['id', 'user_id', 'is_id_of_lms', 'username', 'email', 'name'])
    .select(['is_active', 'is_staff', 'is_superuser', 'country', 'year_of_birth', 'joined', 'is_disabled'])
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
      ...(row.joined !== null && { created: row.joined }),
      ...(row.is_disabled && { isDisabled: true }),
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

/** Exports whether learners want e-mail from organisations. */
export function exportEmailOptIns(db: Kysely<DB>): AsyncGenerator<string> {
  const optIns = db
    .selectFrom('email_optins as o')
    .innerJoin('learners as l', 'l.id', 'o.learner_id')
    .select(['o.learner_id', 'l.username', 'o.org', 'o.value', 'o.updated'])
    .orderBy('o.learner_id')
    // The same in every database.
    .orderBy(sql`o.org collate "C"`)
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { learner_id: number; org: string } | null) =>
      optIns
        .where(sql<boolean>`(o.learner_id, o.org collate "C") > (${after?.learner_id ?? 0}, ${after?.org ?? ''})`)
        .execute(),
    ({ username, org, value, updated }) => ({ type: 'emailOptIn', username, org, value, updated }),
  )
}

/** Exports the retirements. */
export function exportRetirements(db: Kysely<DB>): AsyncGenerator<string> {
  const retirements = db
    .selectFrom('retirements as r')
    .innerJoin('learners as l', 'l.id', 'r.learner_id')
    .select(['r.id', 'l.username', 'r.state', 'r.original_username', 'r.original_email'])
    .orderBy('r.id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => retirements.where('r.id', '>', after?.id ?? 0).execute(),
    (row) => ({
      type: 'retirement',
      username: row.username,
      state: row.state,
      ...(row.original_username !== row.username && { originalUsername: row.original_username }),
      ...(row.original_email !== null && { originalEmail: row.original_email }),
    }),
  )
}

/** Exports who has asked to be retired. */
export function exportRetirementRequests(db: Kysely<DB>): AsyncGenerator<string> {
  const requests = db
    .selectFrom('retirement_requests as r')
    .innerJoin('learners as l', 'l.id', 'r.learner_id')
    .select(['r.learner_id', 'l.username', 'r.created'])
    .orderBy('r.learner_id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { learner_id: number } | null) => requests.where('r.learner_id', '>', after?.learner_id ?? 0).execute(),
    ({ username, created }) => ({ type: 'retirementRequest', username, created }),
  )
}
