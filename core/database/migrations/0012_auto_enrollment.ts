import { sql, type Kysely } from 'kysely'

/** How allowances with `auto_enroll` are acted on (rest-v1 D18). */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // When an account was enrolled for the allowance, or found to need or get no enrollment: that is tried once.
  `alter table enrollment_allowances add column auto_enroll_settled timestamptz`,
  `create index enrollment_allowances_auto_enroll_idx on enrollment_allowances (id)
    where auto_enroll and claimed_by is null and auto_enroll_settled is null`,

  // Active accounts that came to an address with such an allowance. Written with the account; who enrolls them deletes the
  // row in the transaction of the enrollments.
  `create table auto_enrollment_arrivals (
    id bigint generated always as identity primary key,
    learner_id integer not null references learners,
    via text not null check (via in ('rest', 'cli'))
  )`,
]
