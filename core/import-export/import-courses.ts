import type { Transaction } from 'kysely'
import type { CourseKey } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import {
  resolveRows,
  type GroupContext,
  type GroupOutcome,
  type Numbered,
  type ResolvedLine,
} from './group-importer.ts'
import type { LineOf } from './lines.ts'
import { courseFinder, noCourse } from './references.ts'
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
    owner: ['text', 'optional', `'here'`],
  },
} as const satisfies UpsertTarget

/** Imports course runs. */
export async function importCourses(
  trx: Transaction<DB>,
  lines: readonly Numbered<'course'>[],
  { added }: GroupContext,
): Promise<GroupOutcome> {
  const courseIdOf = await courseFinder(
    trx,
    lines.map(({ line }) => line.courseId),
    added,
  )
  const { rows, failures } = resolveRows<LineOf<'course'>, CourseRow>(lines, ({ number, line }, earlier) => {
    const { stored, org } = line.courseId
    if (courseIdOf(stored, number) === undefined && !added.courses.has(stored)) added.courses.set(stored, number)
    return { key: stored, row: courseRow(line, stored, org, line.owner ?? earlier(stored)?.owner ?? null) }
  })
  return { failures, ...(await upsert(trx, COURSES, rows)) }
}

type CourseRow = ReturnType<typeof courseRow>

function courseRow(line: LineOf<'course'>, stored: string, org: string, owner: string | null) {
  return {
    course_key: stored,
    org,
    display_name: line.displayName,
    starts: line.start,
    ends: line.end,
    enrollment_start: line.enrollmentStart,
    enrollment_end: line.enrollmentEnd,
    invitation_only: line.invitationOnly,
    max_enrollments: line.maxEnrollments,
    self_paced: line.selfPaced,
    owner,
  }
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
export async function importModes(
  trx: Transaction<DB>,
  lines: readonly Numbered<'mode'>[],
  context: GroupContext,
): Promise<GroupOutcome> {
  const { rows, failures } = await resolveInCourse(trx, lines, context, (line, courseId) => ({
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
  return { failures, ...(await upsert(trx, MODES, rows)) }
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
export async function importEmbargoRules(
  trx: Transaction<DB>,
  lines: readonly Numbered<'embargo'>[],
  context: GroupContext,
): Promise<GroupOutcome> {
  const { rows, failures } = await resolveInCourse(trx, lines, context, (line, courseId) => ({
    key: String(courseId),
    row: {
      course_id: courseId,
      whitelist: line.whitelist,
      blacklist: line.blacklist,
      message_key: line.messageKey,
    },
  }))
  return { failures, ...(await upsert(trx, EMBARGO_RULES, rows)) }
}

/** Builds the rows of lines that belong to a course run, which has to exist. */
export async function resolveInCourse<
  T extends 'mode' | 'cohort' | 'cohortMember' | 'cohortPreassignment' | 'embargo',
  Row,
>(
  trx: Transaction<DB>,
  lines: readonly Numbered<T>[],
  { added }: GroupContext,
  resolve: (line: LineOf<T>, courseId: number, lineNumber: number) => ResolvedLine<Row>,
) {
  const keyOf = (line: LineOf<T>): CourseKey => line.courseId
  const courseIdOf = await courseFinder(
    trx,
    lines.map(({ line }) => keyOf(line)),
    added,
  )
  return resolveRows(lines, ({ number, line }): ResolvedLine<Row> => {
    const key = keyOf(line)
    const id = courseIdOf(key.stored, number)
    return id === undefined ? { reason: `courseId: ${noCourse(key)}` } : resolve(line, id, number)
  })
}
