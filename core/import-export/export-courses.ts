import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { PAGE_SIZE, pagesOf } from './pages.ts'

/** Exports the course runs. */
export function exportCourses(db: Kysely<DB>): AsyncGenerator<string> {
  const courses = db
    .selectFrom('courses')
    .select([
      'id',
      'course_key',
      'display_name',
      'starts',
      'ends',
      'enrollment_start',
      'enrollment_end',
      'invitation_only',
      'max_enrollments',
      'self_paced',
    ])
    .orderBy('id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => courses.where('id', '>', after?.id ?? 0).execute(),
    (row) => ({
      type: 'course',
      courseId: row.course_key,
      displayName: row.display_name,
      start: row.starts,
      end: row.ends,
      enrollmentStart: row.enrollment_start,
      enrollmentEnd: row.enrollment_end,
      invitationOnly: row.invitation_only,
      maxEnrollments: row.max_enrollments,
      selfPaced: row.self_paced,
    }),
  )
}

/** Exports the modes of all course runs. */
export function exportModes(db: Kysely<DB>): AsyncGenerator<string> {
  const modes = db
    .selectFrom('course_modes as m')
    .innerJoin('courses as c', 'c.id', 'm.course_id')
    .select([
      'm.id',
      'c.course_key',
      'm.slug',
      'm.name',
      'm.min_price',
      'm.suggested_prices',
      'm.currency',
      'm.expires',
      'm.description',
      'm.sku',
      'm.bulk_sku',
    ])
    .orderBy('m.id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => modes.where('m.id', '>', after?.id ?? 0).execute(),
    (row) => ({
      type: 'mode',
      courseId: row.course_key,
      slug: row.slug,
      name: row.name,
      minPrice: row.min_price,
      suggestedPrices: row.suggested_prices,
      currency: row.currency,
      expires: row.expires,
      description: row.description,
      sku: row.sku,
      bulkSku: row.bulk_sku,
    }),
  )
}

/** Exports the cohorts; who is in them is not part of the format. */
export function exportCohorts(db: Kysely<DB>): AsyncGenerator<string> {
  const cohorts = db
    .selectFrom('cohorts as h')
    .innerJoin('courses as c', 'c.id', 'h.course_id')
    .select(['h.id', 'c.course_key', 'h.name'])
    .orderBy('h.id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => cohorts.where('h.id', '>', after?.id ?? 0).execute(),
    (row) => ({ type: 'cohort', courseId: row.course_key, name: row.name }),
  )
}

/** Exports the embargo rules. */
export function exportEmbargoRules(db: Kysely<DB>): AsyncGenerator<string> {
  const rules = db
    .selectFrom('embargo_rules as r')
    .innerJoin('courses as c', 'c.id', 'r.course_id')
    .select(['r.course_id', 'c.course_key', 'r.whitelist', 'r.blacklist', 'r.message_key'])
    .orderBy('r.course_id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { course_id: number } | null) => rules.where('r.course_id', '>', after?.course_id ?? 0).execute(),
    (row) => ({
      type: 'embargo',
      courseId: row.course_key,
      whitelist: row.whitelist,
      blacklist: row.blacklist,
      messageKey: row.message_key,
    }),
  )
}
