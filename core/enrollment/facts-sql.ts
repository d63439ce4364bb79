import { COURSE_COLUMNS, jsonArguments, MODE_COLUMNS } from '../course/columns.ts'
import { SEATS_TAKEN } from '../course/seats.ts'
import { ANY_LEARNER } from '../learner/lookup-sql.ts'
import { enrollmentOfPair } from './pair-lookup.ts'

/** By its id, as a row that was copied by hand has the revision of another course run. */
const KNOWN_BY_ID = '($5::bigint[])[array_position($4::integer[], c.id)]'

/**
 * Reads the facts of commands that name their learners in any way, see `readFacts`. Parameters: usernames, stored course
 * keys, the distinct ones of these, ids and revisions of course runs that are known, folded e-mail addresses, ids; null where a
 * command has none.
 */
export const READ_ANYBODY = statement({
  name: 'enrollment.facts',
  keys: 'any ((select $3::text[])::text[])',
  known: KNOWN_BY_ID,
  asked: `unnest((select $1::text[]), (select $2::text[]), (select $6::text[]), (select $7::integer[])) with ordinality
    as a (username, course_key, email, user_id, i)`,
  learner: `${ANY_LEARNER} on true`,
})

/** The same where every command has a username: the common case, and a smaller plan. */
export const READ_BY_USERNAME = statement({
  name: 'enrollment.factsByUsername',
  keys: 'any ((select $3::text[])::text[])',
  known: KNOWN_BY_ID,
  asked: `unnest((select $1::text[]), (select $2::text[])) with ordinality as a (username, course_key, i)`,
  learner: `learners l on l.username = a.username`,
})

// Nothing is drawn from a sequence here: that would be a write, and its commit would wait for the disk.
// Roles matter where a course run is not open to everybody, or counts its seats; elsewhere they are not looked at.
/** The same for a lone command. Parameters: username, stored course key, its revision where it is known. */
export const READ_ONE = statement({
  name: 'enrollment.factsOfOne',
  keys: '$2::text',
  known: '$3::bigint',
  asked: `(select $1::text as username, $2::text as course_key, 1 as i) a`,
  learner: `learners l on l.username = a.username`,
})

interface Parts {
  readonly name: string
  /** What the key of a course run equals. */
  readonly keys: string
  /** What the revision of one equals that is known: no more is told of it than the revision leaves open. */
  readonly known: string
  /** The commands, as rows `a`. */
  readonly asked: string
  /** The join to their learners, as rows `l`. */
  readonly learner: string
}

// The arrays stand in subqueries so that the planner never looks at their lengths: the plan of any call then costs as
// much as the general one, which PostgreSQL therefore keeps.
function statement({ name, keys, known, asked, learner }: Parts): string {
  return `/* ${name} */
with course as materialized (
  select c.id, c.course_key, c.org, minds_roles, has_allowances, case when c.revision = ${known}
    then json_build_object('id', c.id, 'seatsTaken', seats_taken, 'hasAllowances', has_allowances)
    else json_build_object('id', c.id, 'owner', c.owner, ${jsonArguments(COURSE_COLUMNS, 'c')}, 'seatsTaken', seats_taken, 'modes', (
      select coalesce(json_agg(json_build_object(${jsonArguments(MODE_COLUMNS, 'm')}) order by m.id), '[]')
      from course_modes m where m.course_id = c.id),
      'revision', c.revision::text, 'mindsRoles', minds_roles, 'hasAllowances', has_allowances) end as details
  from courses c, lateral (
    select c.invitation_only or c.enrollment_start is not null or c.enrollment_end is not null
        or c.max_enrollments is not null or c.course_key like '%/%' as minds_roles,
      exists (select from enrollment_allowances w where w.course_key = c.course_key) as has_allowances,
      ${SEATS_TAKEN} as seats_taken
    offset 0) as about
  where c.course_key = ${keys}
)
select a.i, l.id as learner_id, l.user_id, l.username, l.is_active as learner_is_active, l.is_staff, l.is_superuser,
  c.id as course_id,
  e.id as enrollment_id, e.version, e.mode, e.is_active, e.created, e.updated,
  case when c.minds_roles then (
    select coalesce(bit_or(
      case when r.role in ('staff', 'limited_staff', 'instructor')
        and coalesce(r.course_key, c.course_key) = c.course_key then 1 else 0 end
      | case when r.role in ('staff', 'instructor', 'ccx_coach') and r.course_key = c.course_key then 2 else 0 end), 0)
    from roles r where r.learner_id = l.id and r.org = c.org) end as roles,
  case when c.has_allowances then (
    select array[w.id, w.claimed_by] from enrollment_allowances w
    where fold_email(w.email) = (select fold_email(email) from learners where id = l.id)
      and w.course_key = c.course_key) end as allowance,
  case when a.i = 1 then (select json_agg(details) from course) end as courses
from ${asked}
left join ${learner}
left join course c on c.course_key = a.course_key
left join ${enrollmentOfPair('l.id', 'c.id')} e on true`
}
