import { sql } from 'kysely'
import type { LmsRow, LmsSource } from '../../source/source.ts'
import type { CourseKeys } from '../course-keys.ts'
import { account, type Conversion, type Removal, type Subject } from '../subject.ts'
import { courseRunOf, idOf, noCourseRun, textOf } from '../values.ts'

const removal: Removal = {
  identity: ({ courseId, username }) => JSON.stringify([courseId, username]),
  async remove(trx, lines) {
    const values = (key: string) => lines.map((line) => String(line[key]))
    await sql`
      delete from cohort_members m
      using courses c, learners l, cohorts h,
        unnest(${values('courseId')}::text[], ${values('username')}::text[], ${values('cohort')}::text[])
          as line (course_key, username, cohort)
      where c.course_key = line.course_key and l.username = line.username
        and m.course_id = c.id and m.learner_id = l.id and h.id = m.cohort_id and h.name = line.cohort`.execute(trx)
  },
}

/** Who is in which cohort of a course run (lms.md A.4). */
export const cohortMemberships: Subject = {
  group: 'members',
  table: 'course_groups_cohortmembership',
  type: 'cohortMember',
  key: 'id',
  columns: ['course_id', 'user_id'],
  joins: [
    {
      table: 'course_groups_courseusergroup',
      as: 'g',
      on: ['t.course_user_group_id', 'id'],
      columns: { cohort: 'name', group_type: 'group_type', cohort_course_id: 'course_id' },
    },
  ],
  convert: convertMembership,
  removal,
}

/** The older list of the members of cohorts: it counts where {@link cohortMemberships} say nothing of a member in that run. */
export const cohortUsers: Subject = {
  group: 'members',
  table: 'course_groups_courseusergroup_users',
  type: 'cohortMember',
  key: 'id',
  columns: ['courseusergroup_id', 'user_id'],
  joins: [
    {
      table: 'course_groups_courseusergroup',
      as: 'g',
      on: ['t.courseusergroup_id', 'id'],
      columns: { cohort: 'name', group_type: 'group_type', cohort_course_id: 'course_id' },
    },
  ],
  readMore: withMemberships,
  convert: convertCohortUser,
  removal,
}

/** A row of `course_groups_cohortmembership` with its cohort. */
export function convertMembership(row: LmsRow, courses: CourseKeys): Conversion {
  const group = textOf(row['group_type'])
  if (group === null) return { leftAside: 'there is no such cohort' }
  if (group !== 'cohort') return { lines: [] }
  const course = courseRunOf(row['cohort_course_id'], courses)
  if (course === null) return { leftAside: noCourseRun(row['cohort_course_id']) }
  const line = {
    type: 'cohortMember',
    courseId: course.key,
    cohort: textOf(row['cohort']) ?? '',
    username: account(idOf(row['user_id'])),
  }
  return { lines: [{ line }], bent: course.bent }
}

/** A row of `course_groups_courseusergroup_users` with its cohort, and with the one that the membership says. */
export function convertCohortUser(row: LmsRow, courses: CourseKeys): Conversion {
  if (row['member_of'] === null || row['member_of'] === undefined) return convertMembership(row, courses)
  if (row['group_type'] !== 'cohort' || row['member_of'] === row['courseusergroup_id']) return { lines: [] }
  return {
    lines: [],
    bent: [`the member is in another cohort of the course run (${textOf(row['member_of'])}), which counts`],
  }
}

async function withMemberships(source: LmsSource, rows: readonly LmsRow[]): Promise<readonly LmsRow[]> {
  if ((await source.columns('course_groups_cohortmembership')).size === 0) return rows
  const memberships = await source.query<LmsRow>(
    'select user_id, course_id, course_user_group_id from course_groups_cohortmembership where user_id in (?)',
    [[...new Set(rows.map((row) => row['user_id'] ?? null))]],
  )
  const keyOf = (user: LmsRow[string] | undefined, course: LmsRow[string] | undefined) =>
    `${textOf(user)} ${textOf(course)?.toLowerCase()}`
  const cohorts = new Map(
    memberships.map((row) => [keyOf(row['user_id'], row['course_id']), row['course_user_group_id']]),
  )
  return rows.map((row) => ({ ...row, member_of: cohorts.get(keyOf(row['user_id'], row['cohort_course_id'])) ?? null }))
}
