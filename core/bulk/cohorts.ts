import { sql, type Kysely, type Transaction } from 'kysely'
import { joinCohorts } from '../course/cohort.ts'
import { parseCourseKey } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import { failure, type Failure } from '../errors.ts'
import type { BulkItem, BulkLine, LineOutcome } from './job.ts'

/**
 * Carries out lines and puts those who are active then into the cohorts that their lines name; a line that names one which its
 * course run does not have is not carried out.
 */
export async function withCohorts(
  trx: Transaction<DB>,
  lines: readonly BulkLine[],
  work: (lines: readonly BulkLine[]) => Promise<LineOutcome[]>,
): Promise<LineOutcome[]> {
  const known = await cohortsOf(trx, lines)
  const outcomes = (await work(lines.filter((line) => missing(known, line) === null))).values()
  const all = lines.map((line): LineOutcome => {
    const error = missing(known, line)
    if (error !== null) return { ok: false, error }
    return outcomes.next().value ?? { ok: false, error: failure('unavailable', {}) }
  })
  const joining = new Map<string, { course: number; cohort: number; userId: number }>()
  for (const [index, result] of all.entries()) {
    const item = lines[index]?.item
    const found = item?.cohort === undefined ? undefined : known.get(cohortKey(item))
    if (found === undefined || !result.ok || !result.outcome.enrollment.isActive) continue
    const { userId } = result.outcome.enrollment
    // Of two lines the last one counts, as one after another.
    joining.set(`${found.course_id}:${userId}`, { course: found.course_id, cohort: found.id, userId: Number(userId) })
  }
  await join(trx, [...joining.values()])
  return all
}

/** Why lines cannot be carried out whose cohort their course run does not have; of others null. */
export async function missingCohorts(db: Kysely<DB>, lines: readonly BulkLine[]): Promise<(Failure | null)[]> {
  const known = await cohortsOf(db, lines)
  return lines.map((line) => missing(known, line))
}

function missing(known: ReadonlyMap<string, Cohort>, { item }: BulkLine): Failure | null {
  if (item?.cohort === undefined || known.has(cohortKey(item))) return null
  return failure('cohortNotFound', { cohort: item.cohort })
}

interface Cohort {
  readonly id: number
  readonly course_id: number
  readonly course_key: string
  readonly name: string
}

async function cohortsOf(db: Kysely<DB>, lines: readonly BulkLine[]): Promise<Map<string, Cohort>> {
  const items = lines.flatMap(({ item }) => (item?.cohort === undefined ? [] : [item]))
  if (items.length === 0) return new Map()
  const { rows } = await sql<Cohort>`
    select h.id, h.course_id, c.course_key, h.name from cohorts h join courses c on c.id = h.course_id
    where c.course_key = any(${[...new Set(items.map(courseKey))]}::text[])
      and h.name = any(${[...new Set(items.map(({ cohort = '' }) => cohort))]}::text[])`.execute(db)
  return new Map(rows.map((row) => [JSON.stringify([row.course_key, row.name]), row]))
}

function cohortKey(item: BulkItem): string {
  return JSON.stringify([courseKey(item), item.cohort])
}

function courseKey({ courseId }: BulkItem): string {
  return parseCourseKey(courseId)?.stored ?? courseId
}

async function join(
  trx: Transaction<DB>,
  joining: readonly { course: number; cohort: number; userId: number }[],
): Promise<void> {
  if (joining.length === 0) return
  const { rows } = await sql<{ id: number; user_id: number }>`
    select id, user_id from learners where user_id = any(${joining.map(({ userId }) => userId)}::integer[])`.execute(
    trx,
  )
  const idOf = new Map(rows.map(({ id, user_id: userId }) => [userId, id]))
  const memberships = joining.flatMap(({ course, cohort, userId }) => {
    const learnerId = idOf.get(userId)
    return learnerId === undefined ? [] : [{ courseId: course, learnerId, cohortId: cohort }]
  })
  await joinCohorts(trx, memberships, { whoHasOne: 'moves' })
}
