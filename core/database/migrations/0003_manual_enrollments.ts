import { sql, type Kysely } from 'kysely'

/** What staff does for people whom they name by username or e-mail address, and who did it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // The audit of manual enrollment, append-only. email: null where the account has none. enrollment_id: null where
  // nobody was enrolled.
  `create table manual_enrollments (
    id bigint generated always as identity primary key,
    actor_id integer not null references learners,
    email text,
    course_key text not null,
    enrollment_id bigint references enrollments,
    transition text not null,
    reason text,
    created timestamptz not null
  )`,
  `create index manual_enrollments_email_idx on manual_enrollments (lower(email))`,

  // The cohort that is meant for somebody who is allowed into a course run and has no account yet.
  `create table cohort_preassignments (
    id integer generated always as identity primary key,
    course_id integer not null,
    email text not null check (char_length(email) between 1 and 255),
    cohort_id integer not null,
    foreign key (cohort_id, course_id) references cohorts (id, course_id)
  )`,
  `create unique index cohort_preassignments_email_course_key on cohort_preassignments (lower(email), course_id)`,
  `create index cohort_preassignments_cohort_idx on cohort_preassignments (cohort_id)`,
]
