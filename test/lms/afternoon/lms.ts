import type { TestMariadb } from '../../support/mariadb.ts'

/** Course runs of the afternoon, beside those of the sample. */
export const RUNS = ['course-v1:Move+A+1', 'course-v1:Move+B+1', 'course-v1:Move+C+1'] as const

export function username(number: number): string {
  return `mover_${number}`
}

const FIRST_USER = 100_000

/** Adds learners, course runs and enrollments with their history to the sample of an LMS. */
export async function growLms(mariadb: TestMariadb, database: string, learners: number): Promise<void> {
  const users = Array.from({ length: learners }, (_, number) => {
    const id = FIRST_USER + number
    return `(${id}, '!', 0, '${username(number)}', '', '', '${username(number)}@example.com', 0, 1, '2025-01-01')`
  })
  const profiles = Array.from({ length: learners }, (_, number) => `(${FIRST_USER + number}, 'Mover ${number}', '')`)
  const runs = RUNS.map(
    (id) => `(utc_timestamp(), utc_timestamp(), 19, '${id}', '', 'Move', 'Moving', 'x', 'Move', null, null, null, null,
      null, null, null, 0, null, 0, 'both', 0)`,
  )
  const modes = RUNS.flatMap((id) =>
    ['audit', 'verified', 'honor'].map((mode) => `('${id}', '${mode}', '${mode}', 0, 'usd', 0, '')`),
  )
  await mariadb.run(
    database,
    `insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
       date_joined) values ${users.join(', ')};
     insert into auth_userprofile (user_id, name, meta) values ${profiles.join(', ')};
     insert into course_overviews_courseoverview values ${runs.join(', ')};
     insert into course_modes_coursemode (course_id, mode_slug, mode_display_name, min_price, currency,
       expiration_datetime_is_explicit, suggested_prices) values ${modes.join(', ')};
     insert into student_courseenrollment (course_id, created, is_active, mode, user_id)
       select c.id, '2025-02-01 00:00:00.000001', u.id % 3 > 0, 'audit', u.id
       from auth_user u join course_overviews_courseoverview c on c.id like 'course-v1:Move+%'
       where u.id >= ${FIRST_USER} and u.id % 2 = 0;
     insert into student_courseenrollment_history
       (id, created, is_active, mode, history_id, history_date, history_type, course_id, user_id)
       select id, created, is_active, mode, md5(id), created, '+', course_id, user_id from student_courseenrollment
       where course_id like 'course-v1:Move+%';`,
  )
}
