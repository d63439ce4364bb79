import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbeddedDatabase } from '../core/database/embedded.ts'
import { migrateToLatest } from '../core/database/migrate.ts'
import { openDatabase, type Database } from '../core/database/open.ts'

/** Connections of each pool, ours and the hand-written one's. */
export const POOL_SIZE = 10

/** A fresh database for one run of the benchmark. */
export interface World extends AsyncDisposable {
  readonly db: Database
  /** A plain pool for what is written by hand. */
  readonly pool: pg.Pool
  readonly usernames: readonly string[]
  /** Opens a course that nobody is enrolled in and returns its key. */
  newCourse(): Promise<string>
}

/**
 * Starts a PostgreSQL of its own with default durability and fills in learners. Of every course that is opened later
 * each learner can be enrolled once.
 */
export async function createWorld({ learners }: { learners: number }): Promise<World> {
  await using undo = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'enrollment-bench-'))
  undo.defer(() => rm(directory, { recursive: true, force: true }))
  const server = undo.use(await startEmbeddedDatabase({ dataDir: join(directory, 'data'), mode: 'owner' }))
  const db = undo.use(openDatabase({ connectionString: server.connectionString, poolSize: POOL_SIZE }))
  await migrateToLatest(db)
  const pool = new pg.Pool({ connectionString: server.connectionString, max: POOL_SIZE })
  pool.on('error', () => {}) // A connection that the server's stop cuts off.
  undo.defer(() => pool.end())
  const usernames = Array.from({ length: learners }, (_, index) => `learner_${index}`)
  await pool.query(`insert into learners (username, email) select u, u || '@example.com' from unnest($1::text[]) u`, [
    usernames,
  ])
  let courses = 0
  const newCourse = async () => {
    courses += 1
    const key = `course-v1:Bench+B${courses}+2026`
    const { rows } = await pool.query<{ id: number }>(
      `insert into courses (course_key, org, display_name) values ($1, 'Bench', 'Bench') returning id`,
      [key],
    )
    await pool.query(
      `insert into course_modes (course_id, slug, name) select $1, slug, slug from unnest('{audit,verified}'::text[]) slug`,
      [rows[0]?.id],
    )
    return key
  }
  for (let index = 0; index < 50; index += 1) await newCourse()
  await populate(pool, learners)
  const stack = undo.move()
  return { db, pool, usernames, newCourse, [Symbol.asyncDispose]: () => stack.disposeAsync() }
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
