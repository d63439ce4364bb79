import { sql } from 'kysely'
import type { LmsRow } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import type { Conversion, Removal, Subject } from '../subject.ts'
import { courseRunOf, noCourseRun, textOf } from '../values.ts'

const removal: Removal = {
  identity: ({ courseId, name }) => JSON.stringify([courseId, name]),
  async remove(trx, lines) {
    const [keys, names] = [lines.map(({ courseId }) => String(courseId)), lines.map(({ name }) => String(name))]
    const cohorts = sql`select h.id from cohorts h join courses c on c.id = h.course_id
      join unnest(${keys}::text[], ${names}::text[]) as line (course_key, name)
        on c.course_key = line.course_key and h.name = line.name`
    // Who was in one is in none now, as in the LMS.
    await sql`delete from cohort_members where cohort_id in (${cohorts})`.execute(trx)
    await sql`delete from cohort_preassignments where cohort_id in (${cohorts})`.execute(trx)
    await sql`delete from cohorts where id in (${cohorts})`.execute(trx)
  },
  async rename(trx, from, to) {
    await sql`
      update cohorts h set name = ${String(to['name'])} from courses c
      where c.id = h.course_id and c.course_key = ${String(from['courseId'])} and h.name = ${String(from['name'])}
        and not exists (select from cohorts o where o.course_id = h.course_id and o.name = ${String(to['name'])})`.execute(
      trx,
    )
  },
}

/** Cohorts; groups of other kinds are none (lms.md A.4). */
export const cohorts: Subject = {
  group: 'cohorts',
  table: 'course_groups_courseusergroup',
  type: 'cohort',
  key: 'id',
  columns: ['name', 'course_id', 'group_type'],
  where: `group_type = 'cohort'`,
  convert: convertCohort,
  removal,
}

/** A row of `course_groups_courseusergroup`. */
export function convertCohort(row: LmsRow, courses: CourseKeys): Conversion {
  const course = courseRunOf(row['course_id'], courses)
  if (course === null) return { leftAside: noCourseRun(row['course_id']) }
  const line = { type: 'cohort', courseId: course.key, name: textOf(row['name']) ?? '' }
  return { lines: [{ line }], bent: course.bent }
}
