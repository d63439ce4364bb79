import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Person } from './resolve-learners.ts'

/** An allowance of a person in a course run. */
export interface PersonsAllowance {
  /** Null: it is yet to be written. */
  readonly id: number | null
  readonly autoEnroll: boolean
  readonly claimedBy: number | null
}

/** What was found about people, by the id of the person and the stored key of the course run. */
export interface Findings {
  /** Active enrollments. */
  readonly enrolled: ReadonlySet<string>
  readonly allowances: ReadonlyMap<string, PersonsAllowance>
}

/** The key of {@link Findings}. */
export function pairKey(personId: string, courseKey: string): string {
  return `${personId} in ${courseKey}`
}

/** Reads how people stand towards course runs, in two statements. */
export async function readFindings(
  db: Kysely<DB>,
  people: readonly Person[],
  courseKeys: readonly string[],
): Promise<Findings> {
  return {
    enrolled: await readEnrolled(db, people, courseKeys),
    allowances: await readAllowances(db, people, courseKeys),
  }
}

async function readEnrolled(
  db: Kysely<DB>,
  people: readonly Person[],
  courseKeys: readonly string[],
): Promise<Set<string>> {
  const byAccount = new Map(people.flatMap(({ id, account }) => (account ? [[account.id, id] as const] : [])))
  const { rows } = await sql<{ learner_id: number; course_key: string }>`
    select e.learner_id, c.course_key from enrollments e join courses c on c.id = e.course_id
    where e.learner_id = any (${[...byAccount.keys()]}::integer[]) and c.course_key = any (${courseKeys}::text[])
      and e.is_active`.execute(db)
  return new Set(rows.map((row) => pairKey(byAccount.get(row.learner_id) ?? '', row.course_key)))
}

async function readAllowances(
  db: Kysely<DB>,
  people: readonly Person[],
  courseKeys: readonly string[],
): Promise<Map<string, PersonsAllowance>> {
  const { rows } = await sql<{
    n: number
    id: number
    course_key: string
    auto_enroll: boolean
    claimed_by: number | null
  }>`
    select p.n::integer as n, w.id, w.course_key, w.auto_enroll, w.claimed_by
    from unnest(${people.map(({ email }) => email)}::text[]) with ordinality as p (email, n)
    join enrollment_allowances w on lower(w.email) = lower(p.email) and w.course_key = any (${courseKeys}::text[])
  `.execute(db)
  return new Map(
    rows.map((row) => [
      pairKey(people[row.n - 1]?.id ?? '', row.course_key),
      { id: row.id, autoEnroll: row.auto_enroll, claimedBy: row.claimed_by },
    ]),
  )
}
