import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import { enrollmentOfPair } from '../enrollment/pair-lookup.ts'
import { foldEmail } from '../learner/email-address.ts'
import type { IdentifiedLearner } from './resolve-identifiers.ts'

/** An allowance of a learner in a course run. */
export interface ExistingAllowance {
  /** Null: it is yet to be written. */
  readonly id: number | null
  readonly autoEnroll: boolean
  readonly claimedBy: number | null
}

/** What is stored about learners in course runs, by {@link pairKey}. */
export interface ExistingState {
  /** Active enrollments. */
  readonly enrolled: ReadonlySet<string>
  readonly allowances: ReadonlyMap<string, ExistingAllowance>
  /** The names of the cohorts that accounts are in; empty where no cohort was asked for. */
  readonly cohorts: ReadonlyMap<string, string>
}

/** The key of {@link ExistingState}: a learner's key and the stored key of a course run. */
export function pairKey(learnerKey: string, courseKey: string): string {
  return `${learnerKey} in ${courseKey}`
}

/** Reads what is stored about learners in course runs, in one statement for each kind. */
export async function readExistingState(
  db: Kysely<DB>,
  learners: readonly IdentifiedLearner[],
  courseKeys: readonly string[],
  { withCohorts }: { readonly withCohorts: boolean },
): Promise<ExistingState> {
  return {
    enrolled: await readEnrolled(db, learners, courseKeys),
    allowances: await readAllowances(db, learners, courseKeys),
    cohorts: withCohorts ? await readCohorts(db, learners, courseKeys) : new Map(),
  }
}

async function readEnrolled(
  db: Kysely<DB>,
  learners: readonly IdentifiedLearner[],
  courseKeys: readonly string[],
): Promise<Set<string>> {
  const keys = keysByAccount(learners)
  const { rows } = await sql<{ learner_id: number; course_key: string }>`
    select a.learner_id, c.course_key
    from unnest(${[...keys.keys()]}::integer[]) as a (learner_id)
    join courses c on c.course_key = any (${courseKeys}::text[])
    join ${sql.raw(enrollmentOfPair('a.learner_id', 'c.id'))} e on e.is_active`.execute(db)
  return new Set(rows.map((row) => pairKey(keys.get(row.learner_id) ?? '', row.course_key)))
}

async function readAllowances(
  db: Kysely<DB>,
  learners: readonly IdentifiedLearner[],
  courseKeys: readonly string[],
): Promise<Map<string, ExistingAllowance>> {
  const emails = learners.map(({ email }) => email && foldEmail(email))
  const { rows } = await sql<{
    n: number
    id: number
    course_key: string
    auto_enroll: boolean
    claimed_by: number | null
  }>`
    select a.n::integer as n, w.id, w.course_key, w.auto_enroll, w.claimed_by
    from unnest(${emails}::text[]) with ordinality as a (email, n)
    join enrollment_allowances w on fold_email(w.email) = a.email and w.course_key = any (${courseKeys}::text[])
  `.execute(db)
  return new Map(
    rows.map((row) => [
      pairKey(learners[row.n - 1]?.key ?? '', row.course_key),
      { id: row.id, autoEnroll: row.auto_enroll, claimedBy: row.claimed_by },
    ]),
  )
}

async function readCohorts(
  db: Kysely<DB>,
  learners: readonly IdentifiedLearner[],
  courseKeys: readonly string[],
): Promise<Map<string, string>> {
  const keys = keysByAccount(learners)
  const { rows } = await sql<{ learner_id: number; course_key: string; name: string }>`
    select m.learner_id, c.course_key, h.name
    from cohort_members m join cohorts h on h.id = m.cohort_id join courses c on c.id = m.course_id
    where m.learner_id = any (${[...keys.keys()]}::integer[]) and c.course_key = any (${courseKeys}::text[])
  `.execute(db)
  return new Map(rows.map((row) => [pairKey(keys.get(row.learner_id) ?? '', row.course_key), row.name]))
}

function keysByAccount(learners: readonly IdentifiedLearner[]): Map<number, string> {
  return new Map(learners.flatMap(({ key, account }) => (account ? [[account.id, key] as const] : [])))
}
