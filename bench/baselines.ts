import type pg from 'pg'

/**
 * What to do about a row that is there already. `conflict` leaves it alone and says so; `plain` fails, which is cheaper as long
 * as no row is there. The faster of both is what the service is compared with.
 */
export type Variant = 'conflict' | 'plain'

export const VARIANTS: readonly Variant[] = ['conflict', 'plain']

/**
 * One prepared statement per enrollment, as an expert would write it by hand: learner and course by their names, the
 * row and its event, the same constraints, nothing checked.
 *
 * @throws when it enrolled nobody: a baseline that does nothing is fast.
 */
export async function handEnroll(
  pool: pg.Pool,
  username: string,
  courseKey: string,
  variant: Variant = 'conflict',
): Promise<void> {
  const values = [username, courseKey, 'audit']
  const { rowCount } = await pool.query({ name: `hand.enroll.${variant}`, text: ENROLL[variant], values })
  if (rowCount !== 1) throw new Error(`${username} was not enrolled in ${courseKey}`)
}

/** The same for many learners of one course in one statement. */
export async function handEnrollSet(
  pool: pg.Pool,
  usernames: readonly string[],
  courseKey: string,
  variant: Variant = 'conflict',
): Promise<void> {
  const values = [usernames, courseKey, 'audit']
  const { rowCount } = await pool.query({ name: `hand.enrollSet.${variant}`, text: ENROLL_SET[variant], values })
  if (rowCount !== usernames.length) throw new Error(`${rowCount} of ${usernames.length} were enrolled in ${courseKey}`)
}

/**
 * The same where the course has a limit: a function in the database locks the course, counts in a snapshot that is taken after
 * that, and writes, all in one round trip.
 */
export async function handEnrollCapped(pool: pg.Pool, username: string, courseKey: string): Promise<void> {
  const values = [username, courseKey, 'audit']
  const { rows } = await pool.query<{ id: string | null }>({
    name: 'hand.enrollCapped',
    text: 'select hand_enroll_capped($1, $2, $3) as id',
    values,
  })
  if ((rows[0]?.id ?? null) === null) throw new Error(`${username} was not enrolled in ${courseKey}`)
}

/** Creates the function of {@link handEnrollCapped} in a database of the benchmark. */
export async function createHandFunction(pool: pg.Pool): Promise<void> {
  await pool.query(`create function hand_enroll_capped(who text, which text, what text) returns bigint
    language plpgsql as $$
    declare
      seats record;
      enrolled bigint;
    begin
      select id, max_enrollments into seats from courses where course_key = which for no key update;
      insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
        select l.id, seats.id, true, what, now(), now() from learners l
        where l.username = who and seats.max_enrollments >
          (select count(*) from enrollments e where e.course_id = seats.id and e.is_active)
        returning id into enrolled;
      insert into enrollment_events (enrollment_id, version, kind, after_mode, after_is_active,
          actor_kind, actor_name, via, at)
        values (enrolled, 1, 'created', what, true, 'service', 'bench', 'caller', now());
      return enrolled;
    end $$`)
}

const EVENT = `insert into enrollment_events (enrollment_id, version, kind, after_mode, after_is_active,
    actor_kind, actor_name, via, at)
  select id, 1, 'created', $3, true, 'service', 'bench', 'caller', now() from enrolled
  returning id, enrollment_id`

/** learner: `$1`, course: `$2`, mode: `$3`. */
export const ENROLL = inVariants(`select l.id, c.id, true, $3, now(), now()
    from learners l, courses c where l.username = $1 and c.course_key = $2`)

const ENROLL_SET = inVariants(`select l.id, c.id, true, $3, now(), now()
    from unnest($1::text[]) u join learners l on l.username = u, courses c where c.course_key = $2`)

function inVariants(rows: string): Record<Variant, string> {
  const statement = (arbiter: string) => `with enrolled as (
    insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
    ${rows}${arbiter}
    returning id
  ) ${EVENT}`
  return { conflict: statement('\n    on conflict do nothing'), plain: statement('') }
}
