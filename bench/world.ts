import type pg from 'pg'
import { startPostgres, type Store } from './postgres.ts'

/** A fresh database for one run of the benchmark. */
export interface World extends Store {
  readonly usernames: readonly string[]
  /** Opens a course that nobody is enrolled in and returns its key. */
  newCourse(limits?: CourseLimits): Promise<string>
}

/** What keeps learners out of a course; nothing unless given. */
export interface CourseLimits {
  /** Days from now, negative in the past. */
  readonly enrollmentStart?: number
  readonly enrollmentEnd?: number
  readonly maxEnrollments?: number
}

/** Starts a PostgreSQL of its own with a world. */
export async function createWorld({ learners }: { learners: number }): Promise<World> {
  await using undo = new AsyncDisposableStack()
  const server = undo.use(await startPostgres())
  const world = await fillWorld(undo.use(await server.createStore('bench')), { learners })
  const stack = undo.move()
  return { ...world, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** Fills in learners. Of every course that is opened later each learner can be enrolled once. */
export async function fillWorld(store: Store, { learners }: { learners: number }): Promise<World> {
  const { pool } = store
  const usernames = Array.from({ length: learners }, (_, index) => usernameOf(index))
  await pool.query(`insert into learners (username, email) select u, u || '@example.com' from unnest($1::text[]) u`, [
    usernames,
  ])
  const newCourse = courseOpener(pool)
  for (let index = 0; index < 50; index += 1) await newCourse()
  await populate(pool, learners)
  return { ...store, usernames, newCourse }
}

/** The name of a learner of the benchmark, `learner_0` and so on. */
export function usernameOf(index: number | string): string {
  return `learner_${index}`
}

/** Returns a function that opens one new course after the other and returns its key. */
export function courseOpener(pool: pg.Pool): (limits?: CourseLimits) => Promise<string> {
  let courses = 0
  return async ({ enrollmentStart = null, enrollmentEnd = null, maxEnrollments = null } = {}) => {
    courses += 1
    const key = `course-v1:Bench+B${courses}+2026`
    await pool.query(
      `with course as (
         insert into courses (course_key, org, display_name, enrollment_start, enrollment_end, max_enrollments)
         values ($1, 'Bench', 'Bench', now() + $2::integer * interval '1 day', now() + $3::integer * interval '1 day', $4)
         returning id)
       insert into course_modes (course_id, slug, name)
       select id, slug, slug from course, unnest('{audit,verified}'::text[]) slug`,
      [key, enrollmentStart, enrollmentEnd, maxEnrollments],
    )
    return key
  }
}

/** Past enrollments with their events, so that every plan of a connection is made for tables of some size. */
async function populate(pool: pg.Pool, learners: number): Promise<void> {
  await pool.query(
    `with enrolled as (
       insert into enrollments (learner_id, course_id, is_active, mode, created, updated)
       select l.id, c.id, true, 'audit', now(), now()
       from learners l, (select id from courses order by id limit $1) c returning id)
     insert into enrollment_events (enrollment_id, version, kind, after_mode, after_is_active, actor_kind, actor_name,
       via, at)
     select id, 1, 'created', 'audit', true, 'service', 'bench', 'caller', now() from enrolled`,
    [Math.max(1, Math.floor(100_000 / learners))],
  )
  await pool.query('vacuum (analyze)')
}
