import type { Kysely } from 'kysely'
import type { CourseKey } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import type { LineOf } from './lines.ts'
import { resolveRows, type Numbered, type Resolved, type RunOutcome } from './outcome.ts'
import { courseIds, noCourse } from './references.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const COURSES = {
  table: 'courses',
  conflict: 'course_key',
  match: 't.course_key = line.course_key',
  columns: {
    course_key: ['text', 'key'],
    org: ['text', 'first'],
    display_name: ['text', 'value'],
    starts: ['timestamptz', 'value'],
    ends: ['timestamptz', 'value'],
    enrollment_start: ['timestamptz', 'value'],
    enrollment_end: ['timestamptz', 'value'],
    invitation_only: ['boolean', 'value'],
    max_enrollments: ['integer', 'value'],
    self_paced: ['boolean', 'value'],
  },
} as const satisfies UpsertTarget

/** Imports course runs. */
export async function importCourses(trx: Kysely<DB>, lines: readonly Numbered<'course'>[]): Promise<RunOutcome> {
  const { rows, failures } = resolveRows(lines, (line) => ({
    key: line.courseId.stored,
    row: {
      course_key: line.courseId.stored,
      org: line.courseId.org,
      display_name: line.displayName,
      starts: line.start,
      ends: line.end,
      enrollment_start: line.enrollmentStart,
      enrollment_end: line.enrollmentEnd,
      invitation_only: line.invitationOnly,
      max_enrollments: line.maxEnrollments,
      self_paced: line.selfPaced,
    },
  }))
  return { failures, written: await upsert(trx, COURSES, rows) }
}

const MODES = {
  table: 'course_modes',
  conflict: 'course_id, slug, currency',
  match: 't.course_id = line.course_id and t.slug = line.slug and t.currency = line.currency',
  columns: {
    course_id: ['integer', 'key'],
    slug: ['text', 'key'],
    currency: ['text', 'key'],
    name: ['text', 'value'],
    min_price: ['integer', 'value'],
    suggested_prices: ['text', 'value'],
    expires: ['timestamptz', 'value'],
    description: ['text', 'value'],
    sku: ['text', 'value'],
    bulk_sku: ['text', 'value'],
  },
} as const satisfies UpsertTarget

/** Imports modes; a course run may offer a mode once in each currency. */
export async function importModes(trx: Kysely<DB>, lines: readonly Numbered<'mode'>[]): Promise<RunOutcome> {
  const { rows, failures } = await resolveInCourse(trx, lines, (line, courseId) => ({
    key: `${courseId} ${line.currency} ${line.slug}`,
    row: {
      course_id: courseId,
      slug: line.slug,
      currency: line.currency,
      name: line.name ?? line.slug,
      min_price: line.minPrice,
      suggested_prices: line.suggestedPrices,
      expires: line.expires,
      description: line.description,
      sku: line.sku,
      bulk_sku: line.bulkSku,
    },
  }))
  return { failures, written: await upsert(trx, MODES, rows) }
}

const COHORTS = {
  table: 'cohorts',
  conflict: 'course_id, name',
  match: 't.course_id = line.course_id and t.name = line.name',
  columns: { course_id: ['integer', 'key'], name: ['text', 'key'] },
} as const satisfies UpsertTarget

/** Imports cohorts. */
export async function importCohorts(trx: Kysely<DB>, lines: readonly Numbered<'cohort'>[]): Promise<RunOutcome> {
  const { rows, failures } = await resolveInCourse(trx, lines, (line, courseId) => ({
    key: `${courseId} ${line.name}`,
    row: { course_id: courseId, name: line.name },
  }))
  return { failures, written: await upsert(trx, COHORTS, rows) }
}

const EMBARGO_RULES = {
  table: 'embargo_rules',
  conflict: 'course_id',
  match: 't.course_id = line.course_id',
  columns: {
    course_id: ['integer', 'key'],
    whitelist: ['text[]', 'value'],
    blacklist: ['text[]', 'value'],
    message_key: ['text', 'value'],
  },
} as const satisfies UpsertTarget

/** Imports embargo rules, one a course run. */
export async function importEmbargoRules(trx: Kysely<DB>, lines: readonly Numbered<'embargo'>[]): Promise<RunOutcome> {
  const { rows, failures } = await resolveInCourse(trx, lines, (line, courseId) => ({
    key: String(courseId),
    row: {
      course_id: courseId,
      whitelist: line.whitelist,
      blacklist: line.blacklist,
      message_key: line.messageKey,
    },
  }))
  return { failures, written: await upsert(trx, EMBARGO_RULES, rows) }
}

/** Builds the rows of lines whose course run has to exist. */
async function resolveInCourse<T extends 'mode' | 'cohort' | 'embargo', Row>(
  trx: Kysely<DB>,
  lines: readonly Numbered<T>[],
  resolve: (line: LineOf<T>, courseId: number) => Resolved<Row>,
) {
  const keyOf = (line: LineOf<T>): CourseKey => line.courseId
  const ids = await courseIds(
    trx,
    lines.map(({ line }) => keyOf(line)),
  )
  return resolveRows(lines, (line): Resolved<Row> => {
    const id = ids.get(keyOf(line).stored)
    return id === undefined ? { reason: `courseId: ${noCourse(keyOf(line))}` } : resolve(line, id)
  })
}
