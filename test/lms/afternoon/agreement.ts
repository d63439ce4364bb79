import { sql, type Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import type { TestMariadb } from '../../support/mariadb.ts'

/**
 * Compares both databases row by row, in a way of its own: what is here and in the LMS about pairs that both can have. A pair that
 * is inactive on one side and missing on the other agrees.
 *
 * @returns a line for each difference.
 */
export async function differences(db: Kysely<DB>, mariadb: TestMariadb, database: string): Promise<string[]> {
  const { rows } = await sql<{ pair: string; state: string }>`
    select l.username || ' in ' || c.course_key as pair,
      case when e.is_active then 'active ' else 'inactive ' end || e.mode as state
    from enrollments e join learners l on l.id = e.learner_id join courses c on c.id = e.course_id`.execute(db)
  const here = new Map(rows.map(({ pair, state }) => [pair, state]))
  const there = new Map(
    (
      await mariadb.rows<{ pair: string; state: string }>(
        database,
        `select concat(u.username, ' in ', c.id) as pair, concat(if(e.is_active, 'active ', 'inactive '), e.mode) as state
         from student_courseenrollment e join auth_user u on u.id = e.user_id
         join course_overviews_courseoverview c on lower(c.id) = lower(e.course_id)`,
      )
    ).map(({ pair, state }) => [pair, state]),
  )
  const isGone = (state: string | undefined) => state === undefined || state.startsWith('inactive')
  return [...new Set([...here.keys(), ...there.keys()])]
    .filter((pair) => here.get(pair) !== there.get(pair) && !(isGone(here.get(pair)) && isGone(there.get(pair))))
    .map((pair) => `${pair}: here ${here.get(pair)}, there ${there.get(pair)}`)
}

/**
 * Checks that the events of every enrollment tell its whole life: versions without gaps, each event beginning where the one before
 * ended, none that changes nothing, and the last one at the present row.
 *
 * @returns a line for each fault.
 */
export async function falseEvents(db: Kysely<DB>): Promise<string[]> {
  const { rows } = await sql<{ fault: string }>`
    with chain as (
      select v.*, lag(after_mode) over w as previous_mode, lag(after_is_active) over w as previous_is_active,
        row_number() over w as place, count(*) over (partition by enrollment_id) as events
      from enrollment_events v window w as (partition by enrollment_id order by version)
    )
    select 'event ' || id || ' of enrollment ' || enrollment_id || ': ' || case
      when version <> place then 'version ' || version || ' at place ' || place
      when before_mode is distinct from previous_mode or before_is_active is distinct from previous_is_active
        then 'does not begin where the one before ended'
      else 'changes nothing' end as fault
    from chain
    where version <> place or before_mode is distinct from previous_mode
      or before_is_active is distinct from previous_is_active
      or (before_mode = after_mode and before_is_active = after_is_active)
    union all
    select 'enrollment ' || e.id || ' is not where its last event ended'
    from enrollments e left join chain on chain.enrollment_id = e.id and chain.place = chain.events
    where e.version is distinct from chain.version or e.mode is distinct from chain.after_mode
      or e.is_active is distinct from chain.after_is_active`.execute(db)
  return rows.map(({ fault }) => fault)
}
