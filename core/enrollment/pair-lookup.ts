/**
 * SQL: that an enrollment `e` is the one of a learner and a course run, in a form that only the index of this pair serves. Told
 * plainly, PostgreSQL might look for the learner among all of the course run, which it takes for few while most course runs are
 * small: it compares both columns at once, and asks for a column that the other index does not hold.
 *
 * @param learner an expression for `learner_id`.
 * @param course an expression for `course_id`.
 */
export function isOfPair(learner: string, course: string): string {
  const pair = `(${learner}, ${course})`
  return `e.learner_id = ${learner} and (e.learner_id, e.course_id) between ${pair} and ${pair} and e.version > 0`
}
