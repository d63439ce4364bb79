import type pg from 'pg'

/**
 * One prepared statement per enrollment, as an expert would write it by hand: learner and course by their names, the
 * row and its event, the same constraints, nothing checked.
 *
 * @throws when it enrolled nobody: a baseline that does nothing is fast.
 */
export async function handEnroll(pool: pg.Pool, username: string, courseKey: string): Promise<void> {
  const values = [username, courseKey, 'audit']
  const { rowCount } = await pool.query({ name: 'hand.enroll', text: ENROLL, values })
  if (rowCount !== 1) throw new Error(`${username} was not enrolled in ${courseKey}`)
}

/** The same for many learners of one course in one statement. */
export async function handEnrollSet(pool: pg.Pool, usernames: readonly string[], courseKey: string): Promise<void> {
  const values = [usernames, courseKey, 'audit']
  const { rowCount } = await pool.query({ name: 'hand.enrollSet', text: ENROLL_SET, values })
  if (rowCount !== usernames.length) throw new Error(`${rowCount} of ${usernames.length} were enrolled in ${courseKey}`)
}

const EVENT = `insert into enrollment_events (enrollment_id, version, kind, after_mode, after_is_active,
    actor_kind, actor_name, via, at)
  select id, 1, 'created', $3, true, 'service', 'bench', 'caller', now() from enrolled
  returning id, enrollment_id`

/** learner: `$1`, course: `$2`, mode: `$3`. */
export const ENROLL = `with enrolled as (
    insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
    select l.id, c.id, true, $3, now(), now() from learners l, courses c where l.username = $1 and c.course_key = $2
    on conflict do nothing
    returning id
  ) ${EVENT}`

const ENROLL_SET = `with enrolled as (
    insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
    select l.id, c.id, true, $3, now(), now()
    from unnest($1::text[]) u join learners l on l.username = u, courses c where c.course_key = $2
    on conflict do nothing
    returning id
  ) ${EVENT}`
