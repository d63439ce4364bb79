import { CompiledQuery, type Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { FundedEnrollment } from './funded-enrollments.ts'

/** The fulfilments of those funded enrollments whose learner has passed the course run (enterprise-routes.md §3 "Certificates"). */
export async function readCompletions(
  trx: Transaction<EnterpriseDB>,
  funded: readonly FundedEnrollment[],
): Promise<ReadonlySet<string>> {
  if (funded.length === 0) return new Set()
  const { rows } = await trx.executeQuery<{ id: string }>(
    CompiledQuery.raw(READ, [
      funded.map(({ fulfilmentId }) => fulfilmentId),
      funded.map(({ learnerId }) => learnerId),
      funded.map(({ courseId }) => courseId),
    ]),
  )
  return new Set(rows.map(({ id }) => id))
}

const READ = `/* enterprise.completions */
select f.id from unnest((select $1::uuid[]), (select $2::integer[]), (select $3::text[])) as f (id, learner_id, course_key)
join enterprise_completions c on c.learner_id = f.learner_id and c.course_key = f.course_key`
