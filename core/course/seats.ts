/** SQL: whether the learner of the enrollment `e` takes no seat of the course run `c`: who teaches it does not (rest-v1 §1.5). */
export const TAKES_NO_SEAT = `exists (
        select from roles r
        where r.learner_id = e.learner_id and r.org = c.org and r.course_key = c.course_key
          and r.role in ('staff', 'instructor', 'ccx_coach'))`

/** SQL: how many seats of the course run in `courses c` are taken; null where nothing limits them. */
export const SEATS_TAKEN = `case when c.max_enrollments is not null then (
      select count(*) from enrollments e
      where e.course_id = c.id and e.is_active and not ${TAKES_NO_SEAT}
    ) end`
