import { CompiledQuery, type Transaction } from 'kysely'
import { failure, joinCohorts } from '../../routers/extension.ts'
import type { EnterpriseDB } from '../database/schema.ts'
import type { LearnerAccount } from '../learner/resolve-learners.ts'
import { refusalFrom } from '../refusal.ts'
import { isForAccount, type EnrolledResult, type PreparedRow, type RefusedResult } from './rows.ts'

/** A cohort by the ids of the core. */
interface Cohort {
  readonly courseId: number
  readonly cohortId: number
}

/** The cohort that a row names; null: it names none; undefined: its course run has none of that name. */
export type CohortOf = (row: PreparedRow) => Cohort | null | undefined

/** Finds the cohorts that rows name; nothing is read where none of them names one. */
export async function readCohorts(
  trx: Transaction<EnterpriseDB>,
  rows: readonly PreparedRow<LearnerAccount>[],
): Promise<CohortOf> {
  const naming = rows.filter(({ request }) => request.cohort !== undefined)
  const cohorts = new Map<string, Cohort>()
  if (naming.length > 0) {
    const keys = naming.map(({ courseKey }) => courseKey)
    const names = naming.map(({ request }) => request.cohort)
    const { rows: found } = await trx.executeQuery<Cohort & { course_key: string; name: string }>(
      CompiledQuery.raw(READ, [keys, names]),
    )
    for (const row of found) cohorts.set(`${row.course_key} ${row.name}`, row)
  }
  return ({ courseKey, request: { cohort } }) => (cohort === undefined ? null : cohorts.get(`${courseKey} ${cohort}`))
}

const READ = `/* enterprise.cohorts */
select c.course_key, h.name, h.course_id as "courseId", h.id as "cohortId"
from (select distinct a.* from unnest((select $1::text[]), (select $2::text[])) as a (course_key, name)) a
join courses c on c.course_key = a.course_key join cohorts h on h.course_id = c.id and h.name = a.name`

/** The longest name of a cohort. */
const MAX_LENGTH = 255

/** Refuses a row that names a cohort which its course run cannot have or, where somebody has an account, does not have. Pure. */
export function refuseUnknownCohort(row: PreparedRow, cohortOf: CohortOf): RefusedResult | null {
  const { cohort } = row.request
  if (cohort === undefined) return null
  const isMissing = isForAccount(row) && row.offer !== null && cohortOf(row) === undefined
  if (!isMissing && [...cohort].length <= MAX_LENGTH) return null
  return { is: 'refused', row, refusal: refusalFrom(failure('cohortNotFound', { cohort })) }
}

/** Puts learners into the cohorts of their rows, out of others; whose enrollment was so already stays where they are. */
export async function assignCohorts(
  trx: Transaction<EnterpriseDB>,
  enrolled: readonly EnrolledResult[],
  cohortOf: CohortOf,
): Promise<void> {
  const memberships = enrolled.flatMap(({ row, outcome }) => {
    const cohort = cohortOf(row) ?? null
    return cohort === null || outcome.kind === 'unchanged' ? [] : [{ learnerId: row.learner.id, ...cohort }]
  })
  if (memberships.length > 0) await joinCohorts(trx, memberships, { whoHasOne: 'moves' })
}
