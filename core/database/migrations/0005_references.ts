import { sql, type Kysely } from 'kysely'

/**
 * Learners, course runs and enrollments stay for ever. So what refers to them never dangles, and the two tables that every
 * enrollment writes to need no foreign key: each of its checks would lock and rewrite a row elsewhere, that of the course
 * run the same one for everybody (decision 9).
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create function refuse_to_forget() returns trigger language plpgsql as $$
    begin
      raise exception 'Rows of "%" are never deleted and keep their id, because others refer to them', tg_table_name
        using errcode = 'restrict_violation';
    end
  $$`,
  ...['learners', 'courses', 'enrollments'].map(
    (table) => `create trigger ${table}_stay before delete or update of id on ${table}
      for each row execute function refuse_to_forget()`,
  ),
  `alter table enrollments drop constraint enrollments_learner_id_fkey, drop constraint enrollments_course_id_fkey`,
  `alter table enrollment_events drop constraint enrollment_events_enrollment_id_fkey`,
  // Whether a course run has any allowance at all, which few have: the others need not look for that of each learner.
  `create index enrollment_allowances_course_idx on enrollment_allowances (course_key)`,
]
