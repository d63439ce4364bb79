/**
 * SQL: the enrollment of a learner and a course run, to be joined by name: `left join ${enrollmentOfPair('l.id', 'c.id')} e on true`.
 * It is told in a form that only the index of this pair serves, and that begins there at the very entry: told plainly, PostgreSQL
 * might look for the learner among all of the course run, which it takes for few while most course runs are small. A comparison of
 * both columns at once, and their order, is what no other index has; with the limit nothing after the entry is read.
 *
 * @param learner an expression for `learner_id`.
 * @param course an expression for `course_id`.
 * @param also a further condition, for the columns of `enrollments`.
 * @returns all columns of `enrollments` in one row, or none.
 */
export function enrollmentOfPair(learner: string, course: string, also = 'true'): string {
  const pair = `(${learner}, ${course})`
  return `lateral (
    select * from enrollments where (learner_id, course_id) between ${pair} and ${pair} and version > 0 and ${also}
    order by learner_id, course_id limit 1
  )`
}
