import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Person } from './resolve-learners.ts'
import { pairKey } from './existing-state.ts'

/** Reads the names of the cohorts that people are in, by person and course run. */
export async function readCohortMemberships(
  db: Kysely<DB>,
  people: readonly Person[],
  courseKeys: readonly string[],
): Promise<Map<string, string>> {
  const byAccount = new Map(people.flatMap(({ id, account }) => (account ? [[account.id, id] as const] : [])))
  const { rows } = await sql<{ learner_id: number; course_key: string; name: string }>`
    select m.learner_id, c.course_key, h.name
    from cohort_members m join cohorts h on h.id = m.cohort_id join courses c on c.id = m.course_id
    where m.learner_id = any (${[...byAccount.keys()]}::integer[]) and c.course_key = any (${courseKeys}::text[])
  `.execute(db)
  return new Map(rows.map((row) => [pairKey(byAccount.get(row.learner_id) ?? '', row.course_key), row.name]))
}
