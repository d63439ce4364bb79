import { sql, type Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import { foldEmail } from '../learner/email-address.ts'
import type { GroupContext, GroupOutcome, Numbered } from './group-importer.ts'
import { resolveInCourse } from './import-courses.ts'
import { quote } from './printable.ts'
import { isThere, learnerFinder, noAccount } from './references.ts'
import { upsert, type UpsertTarget } from './upsert.ts'

const COHORTS = {
  table: 'cohorts',
  conflict: 'course_id, name',
  match: 't.course_id = line.course_id and t.name = line.name',
  columns: { course_id: ['integer', 'key'], name: ['text', 'key'] },
} as const satisfies UpsertTarget

/** Imports cohorts. */
export async function importCohorts(
  trx: Transaction<DB>,
  lines: readonly Numbered<'cohort'>[],
  context: GroupContext,
): Promise<GroupOutcome> {
  const others = context.added.others
  const stored = await readCohorts(
    trx,
    lines.map(({ line }) => line.name),
  )
  const { rows, failures } = await resolveInCourse(trx, lines, context, (line, courseId, number) => {
    const key = keyOf(courseId, line.name)
    if (!stored.has(key) && !others.has(key)) others.set(key, number)
    return { key, row: { course_id: courseId, name: line.name } }
  })
  return { failures, ...(await upsert(trx, COHORTS, rows)) }
}

const MEMBERS = {
  table: 'cohort_members',
  conflict: 'course_id, learner_id',
  match: 't.course_id = line.course_id and t.learner_id = line.learner_id',
  columns: {
    course_id: ['integer', 'key'],
    learner_id: ['integer', 'key'],
    cohort_id: ['integer', 'value'],
  },
} as const satisfies UpsertTarget

/** Imports who is in which cohort: one in each course run. */
export async function importCohortMembers(
  trx: Transaction<DB>,
  lines: readonly Numbered<'cohortMember'>[],
  context: GroupContext,
): Promise<GroupOutcome> {
  const usernames = lines.map(({ line }) => line.username)
  const learnerIdOf = await learnerFinder(trx, usernames, context.added)
  const cohortIdOf = await cohortFinder(trx, lines, context)
  const { rows, failures } = await resolveInCourse(trx, lines, context, ({ username, cohort }, courseId, number) => {
    const learnerId = learnerIdOf(username, number)
    if (learnerId === undefined) return { reason: `username: ${noAccount(username)}` }
    const cohortId = cohortIdOf(courseId, cohort, number)
    if (cohortId === undefined) return { reason: noCohort(cohort) }
    const row = { course_id: courseId, learner_id: learnerId, cohort_id: cohortId }
    return { key: `${courseId} ${learnerId}`, row }
  })
  return { failures, ...(await upsert(trx, MEMBERS, rows)) }
}

const PREASSIGNMENTS = {
  table: 'cohort_preassignments',
  conflict: 'fold_email(email), course_id',
  match: 'fold_email(t.email) = fold_email(line.email) and t.course_id = line.course_id',
  columns: {
    email: ['text', 'value'],
    course_id: ['integer', 'key'],
    cohort_id: ['integer', 'value'],
  },
} as const satisfies UpsertTarget

/** Imports the cohorts that are meant for people without an account. */
export async function importCohortPreassignments(
  trx: Transaction<DB>,
  lines: readonly Numbered<'cohortPreassignment'>[],
  context: GroupContext,
): Promise<GroupOutcome> {
  const cohortIdOf = await cohortFinder(trx, lines, context)
  const { rows, failures } = await resolveInCourse(trx, lines, context, ({ email, cohort }, courseId, number) => {
    const cohortId = cohortIdOf(courseId, cohort, number)
    if (cohortId === undefined) return { reason: noCohort(cohort) }
    return { key: `${courseId} ${foldEmail(email)}`, row: { email, course_id: courseId, cohort_id: cohortId } }
  })
  return { failures, ...(await upsert(trx, PREASSIGNMENTS, rows)) }
}

async function cohortFinder(
  trx: Transaction<DB>,
  lines: readonly Numbered<'cohortMember' | 'cohortPreassignment'>[],
  { added: { others } }: GroupContext,
): Promise<(courseId: number, name: string, lineNumber: number) => number | undefined> {
  const ids = await readCohorts(
    trx,
    lines.map(({ line }) => line.cohort),
  )
  return (courseId, name, number) => {
    const key = keyOf(courseId, name)
    return isThere(others, key, number) ? ids.get(key) : undefined
  }
}

/** The ids of all cohorts with one of the names, in whatever course run. */
async function readCohorts(trx: Transaction<DB>, names: readonly string[]): Promise<Map<string, number>> {
  const rows = await trx
    .selectFrom('cohorts')
    .select(['id', 'course_id', 'name'])
    .where('name', '=', sql<string>`any (${[...new Set(names)]}::text[])`)
    .execute()
  return new Map(rows.map((row) => [keyOf(row.course_id, row.name), row.id]))
}

function keyOf(courseId: number, name: string): string {
  return `cohort ${courseId} ${name}`
}

function noCohort(name: string): string {
  return `cohort: the course run has no cohort ${quote(name)}`
}
