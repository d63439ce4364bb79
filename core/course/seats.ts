/**
 * SQL: how many seats of the course run in `courses c` are taken; null where nothing limits them. Those who teach it take
 * none (rest-v1 §1.5).
 */
export const SEATS_TAKEN = `case when c.max_enrollments is not null then (
      select count(*) from enrollments e
      where e.course_id = c.id and e.is_active and not exists (
        select from roles r
        where r.learner_id = e.learner_id and r.org = c.org and r.course_key = c.course_key
          and r.role in ('staff', 'instructor', 'ccx_coach'))
    ) end`
