import { CompiledQuery, type Kysely } from 'kysely'
import { parseCourseKey } from '../course/key.ts'
import type { Mode } from '../course/mode.ts'
import { SEATS_TAKEN } from '../course/seats.ts'
import type { DB } from '../database/schema.ts'
import { learnerLookup } from '../learner/ref.ts'
import type { EnrollmentCommand } from './command.ts'
import type { CourseFacts, Facts, LearnerFacts } from './decide.ts'

/**
 * Reads in one statement all that is needed to decide the commands, whatever their number.
 *
 * @returns one element per command, in order.
 */
export async function readFacts(db: Kysely<DB>, commands: readonly EnrollmentCommand[]): Promise<Facts[]> {
  const lookups = commands.map((command) => learnerLookup(command.learner))
  const keys = commands.map((command) => parseCourseKey(command.courseId))
  const stored = keys.map((key) => key?.stored ?? null)
  const { rows } = await db.executeQuery<Row>(
    CompiledQuery.raw(STATEMENT, [
      lookups.map((lookup) => lookup.userId),
      lookups.map((lookup) => lookup.username),
      lookups.map((lookup) => lookup.email),
      stored,
      [...new Set(stored.filter((key) => key !== null))],
    ]),
  )
  const courses = new Map(rows.flatMap((row) => row.courses ?? []).map((course) => [course.id, course]))
  const facts: Facts[] = keys.map((courseKey) => ({ ...NOTHING, courseKey }))
  for (const row of rows) {
    const index = Number(row.i) - 1
    const course = row.course_id === null ? undefined : courses.get(row.course_id)
    facts[index] = {
      courseKey: keys[index] ?? null,
      learner: learnerOf(row),
      course: course === undefined ? null : courseOf(course),
      enrollment: enrollmentOf(row),
      newEnrollmentId: row.new_enrollment_id,
      allowance: row.allowance_id === null ? null : { id: row.allowance_id, claimedBy: row.claimed_by },
      seatsTaken: course?.seats_taken ?? 0,
    }
  }
  return facts
}

const NOTHING: Facts = {
  courseKey: null,
  learner: null,
  course: null,
  enrollment: null,
  newEnrollmentId: null,
  allowance: null,
  seatsTaken: 0,
}

function learnerOf(row: Row): LearnerFacts | null {
  if (row.learner_id === null) return null
  return {
    id: row.learner_id,
    username: row.username,
    isActive: row.learner_is_active,
    isStaff: row.is_staff,
    isSuperuser: row.is_superuser,
    isCourseTeam: row.is_course_team ?? false,
    takesNoSeat: row.takes_no_seat ?? false,
  }
}

function courseOf(course: CourseRow): CourseFacts {
  return {
    id: course.id,
    enrollmentStart: course.enrollment_start,
    enrollmentEnd: course.enrollment_end,
    invitationOnly: course.invitation_only,
    deprecatedKey: course.course_key.includes('/'),
    maxEnrollments: course.max_enrollments,
    modes: course.modes,
  }
}

function enrollmentOf(row: Row): Facts['enrollment'] {
  if (row.enrollment_id === null) return null
  const { enrollment_id: id, version, mode, is_active: isActive, created, updated } = row
  return { id, version, mode, isActive, created, updated }
}

/** Columns of the enrollment are null together with its id, those of the learner with its id. */
interface Row {
  i: string
  learner_id: number | null
  username: string
  learner_is_active: boolean
  is_staff: boolean
  is_superuser: boolean
  is_course_team: boolean | null
  takes_no_seat: boolean | null
  course_id: number | null
  enrollment_id: string | null
  new_enrollment_id: string | null
  version: number
  mode: string
  is_active: boolean
  created: string
  updated: string
  allowance_id: number | null
  claimed_by: number | null
  /** All courses of the batch, in the first row only. */
  courses: CourseRow[] | null
}

interface CourseRow {
  id: number
  course_key: string
  enrollment_start: string | null
  enrollment_end: string | null
  invitation_only: boolean
  max_enrollments: number | null
  modes: Mode[]
  /** Null where nothing limits the seats. */
  seats_taken: number | null
}

// The arrays stand in subqueries so that the planner never looks at their lengths: the plan of any call then costs as
// much as the general one, which PostgreSQL therefore keeps.
const STATEMENT = `/* enrollment.facts */
with course as materialized (
  select c.id, c.course_key, c.org, c.enrollment_start, c.enrollment_end, c.invitation_only, c.max_enrollments,
    (select coalesce(json_agg(json_build_object('slug', m.slug, 'name', m.name, 'minPrice', m.min_price,
        'suggestedPrices', m.suggested_prices, 'currency', m.currency, 'expires', m.expires,
        'description', m.description, 'sku', m.sku, 'bulkSku', m.bulk_sku) order by m.id), '[]')
      from course_modes m where m.course_id = c.id) as modes,
    ${SEATS_TAKEN} as seats_taken
  from courses c
  where c.course_key = any ((select $5::text[])::text[])
)
select a.i, l.id as learner_id, l.username, l.is_active as learner_is_active, l.is_staff, l.is_superuser,
  r.is_course_team, r.takes_no_seat, c.id as course_id,
  e.id as enrollment_id,
  case when e.id is null and l.id is not null and c.id is not null then nextval('enrollments_id_seq') end
    as new_enrollment_id,
  e.version, e.mode, e.is_active, e.created, e.updated,
  w.id as allowance_id, w.claimed_by,
  case when a.i = 1 then (select json_agg(course) from course) end as courses
from unnest((select $1::integer[]), (select $2::text[]), (select $3::text[]), (select $4::text[])) with ordinality
  as a (user_id, username, email, course_key, i)
left join lateral (
  select * from learners where username = a.username
  union all select * from learners where lower(email) = lower(a.email)
  union all select * from learners where id = a.user_id
) l on true
left join course c on c.course_key = a.course_key
left join enrollments e on e.learner_id = l.id and e.course_id = c.id
left join enrollment_allowances w on lower(w.email) = lower(l.email) and w.course_key = c.course_key
left join lateral (
  select bool_or(role in ('staff', 'limited_staff', 'instructor') and coalesce(course_key, c.course_key) = c.course_key)
      as is_course_team,
    bool_or(role in ('staff', 'instructor', 'ccx_coach') and course_key = c.course_key) as takes_no_seat
  from roles
  where learner_id = l.id and org = c.org
) r on true`
