import type pg from 'pg'
import { openPool, type Store } from '../postgres.ts'
import { courseOpener, usernameOf } from '../world.ts'

/** A database with many enrollments, and pairs of learner and course that are free. */
export interface Population {
  readonly store: Store
  /** Enrollments that it was made with. */
  readonly rows: number
  /** The course with a twentieth of all enrollments. */
  readonly largeCourse: string
  /** Learners, in an order that has nothing to do with that of their rows. */
  usernames(count: number): string[]
  /** Pairs of a learner and one of the old courses, each given once, anywhere in the tables. */
  freePairs(count: number): { username: string; courseId: string }[]
  /** Opens a course that nobody is enrolled in. */
  newCourse(): Promise<string>
}

const COURSES = 1000
const ENROLLMENTS_OF_EACH = 10

/** A prime, about 0.618 × 500 000: walks through learners in leaps and meets each once. */
const LEAP = 309_019

/**
 * Fills a store: each learner is in ten courses out of a thousand, and a twentieth of all enrollments is in one course
 * more. Rows lie in the order in which they were created, in which the ten of a learner are far apart; each has its event.
 *
 * @param rows a multiple of 10 000.
 */
export async function populate(store: Store, rows: number): Promise<Population> {
  const learners = rows / ENROLLMENTS_OF_EACH
  const loader = openPool(store.connectionString, 1)
  try {
    // Rows made here refer to rows made here: nothing is looked up for each. A crash would only end the run.
    await loader.query('set session_replication_role = replica; set synchronous_commit = off')
    await addLearnersAndCourses(loader, learners)
    for (let from = 0; from < rows; from += CHUNK) {
      await loader.query(ENROLLMENTS, [from, Math.min(from + CHUNK, rows) - 1, learners, COURSES, LEAP, rows])
      process.stderr.write(`${Math.min(from + CHUNK, rows)} of ${rows} enrollments\n`)
    }
    await loader.query('vacuum (analyze)')
    await loader.query('checkpoint')
  } finally {
    await loader.end()
  }
  let walked = 0
  let paired = 0
  return {
    store,
    rows,
    largeCourse: keyOf(COURSES),
    usernames: (count) => Array.from({ length: count }, () => usernameOf(learnerAt(walked++, learners))),
    freePairs: (count) =>
      Array.from({ length: count }, () => {
        const learner = learnerAt(paired, learners)
        const place = ENROLLMENTS_OF_EACH + Math.floor(paired / learners)
        paired += 1
        return { username: usernameOf(learner), courseId: keyOf((learner * 17 + place) % COURSES) }
      }),
    newCourse: courseOpener(store.pool),
  }
}

const CHUNK = 250_000

/** The key of course 0 to 999, or of the large one. */
function keyOf(number: number): string {
  return `course-v1:Scale+S${number}+2026`
}

/** The number of a learner, from 1. */
function learnerAt(position: number, learners: number): number {
  return 1 + ((position * LEAP) % learners)
}

async function addLearnersAndCourses(pool: pg.Pool, learners: number): Promise<void> {
  await pool.query(
    `insert into learners (username, email)
     select $2 || n, $2 || n || '@example.com' from generate_series(1, $1::integer) n`,
    [learners, usernameOf('')],
  )
  await pool.query(`insert into learners (username, email, is_staff) values ('bench_staff', 'staff@example.com', true)`)
  await pool.query(
    `with course as (
       insert into courses (course_key, org, display_name) select key, 'Scale', 'Scale' from unnest($1::text[]) key
       returning id)
     insert into course_modes (course_id, slug, name)
     select id, slug, slug from course, unnest('{audit,verified}'::text[]) slug`,
    [Array.from({ length: COURSES + 1 }, (_, number) => keyOf(number))],
  )
}

// Learners and courses got their ids in the order in which they were inserted, from 1. Of the ten passes over all
// learners, one in twenty enrollments, spread evenly over time, is in the large course.
const ENROLLMENTS = `
with place as materialized (
  select i, 1 + ((i % $3) * $5) % $3 as learner, i / $3 as pass
  from generate_series($1::bigint, $2::bigint) i
), enrolled as (
  insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
  select learner,
    1 + case when learner % 2 = 0 and learner / 2 % 10 = pass then $4 else (learner * 17 + pass) % $4 end,
    true, 'audit', at, at
  from place, lateral (select now() - ($6::bigint - i) * interval '15 seconds' as at) created
  order by i
  returning id, created
)
insert into enrollment_events (enrollment_id, version, kind, after_mode, after_is_active, actor_kind, actor_name, via, at)
select id, 1, 'created', 'audit', true, 'service', 'bench', 'caller', created from enrolled`
