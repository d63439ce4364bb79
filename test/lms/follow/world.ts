import { sql, type Kysely } from 'kysely'
import { expect } from 'vitest'
import { defaultPolicy } from '../../../core/policy.ts'
import type { LmsDB } from '../../../lms/database/schema.ts'
import { lmsExtension } from '../../../lms/extension.ts'
import { startBackground } from '../../../server/background/start.ts'
import { readConfig } from '../../../server/config.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import type { TestMariadb } from '../../support/mariadb.ts'

/** An LMS and a database that follows it. */
export interface FollowWorld extends AsyncDisposable {
  readonly db: Kysely<LmsDB>
  readonly connectionString: string
  readonly lms: string
  readonly url: string
  /** What the log was told, in words. */
  readonly log: string[]
  /** Changes something in the LMS. */
  run(statements: string): Promise<void>
  /** Follows until it is disposed of, as a process of the server does. */
  follow(url?: string): AsyncDisposable
  /** Until everything of the LMS was seen, the first comparison included. */
  inStep(): Promise<void>
  /** The enrollments here, in words. */
  enrollments(): Promise<string[]>
  events(username: string): Promise<string[]>
}

let worlds = 0

export async function openFollowWorld(mariadb: TestMariadb): Promise<FollowWorld> {
  worlds += 1
  const lms = `followed${worlds}`
  const url = await mariadb.createDatabase(lms)
  const database = await createTestDatabase()
  const db = database.db as unknown as Kysely<LmsDB>
  const log: string[] = []
  const tell = (fields: object, message: string) => {
    const { err } = fields as { err?: Error }
    log.push(err === undefined ? `${message} ${JSON.stringify(fields)}` : `${message}: ${err.message}`)
  }
  return {
    db,
    connectionString: database.connectionString,
    lms,
    url,
    log,
    run: (statements) => mariadb.run(lms, `set sql_mode = ''; ${statements}`),
    follow(at = url) {
      const config = readConfig({ LMS_DATABASE_URL: at, LMS_FOLLOW: 'on' })
      const words = { debug: () => {}, error: tell, info: tell }
      return startBackground({
        db: database.db,
        log: words,
        policy: defaultPolicy,
        extensions: [lmsExtension(config.lms)],
      })
    },
    inStep: () =>
      eventually(async () => {
        const { rows } = await sql<{ name: string }>`
          select name from lms_streams where looked is not null and last_error is null`.execute(db)
        expect(rows.map(({ name }) => name).toSorted()).toEqual(ALL)
      }, 50),
    async enrollments() {
      const { rows } = await sql<{ words: string }>`
        select concat_ws(' ', l.username, c.course_key, e.mode, case when e.is_active then 'active' else 'inactive' end) as words
        from enrollments e join learners l on l.id = e.learner_id join courses c on c.id = e.course_id
        order by l.username, c.course_key`.execute(db)
      return rows.map(({ words }) => words)
    },
    async events(username) {
      const { rows } = await sql<{ words: string }>`
        select concat_ws(' ', v.version, v.kind, v.after_mode, v.actor_name, case when v.is_imported then 'imported' end) as words
        from enrollment_events v join enrollments e on e.id = v.enrollment_id join learners l on l.id = e.learner_id
        where l.username = ${username} order by e.id, v.version`.execute(db)
      return rows.map(({ words }) => words)
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

const ALL = [
  'accounts',
  'allowances',
  'cohort-members',
  'cohorts',
  'comparison',
  'course-runs',
  'enrollments',
  'modes',
  'retirements',
  'roles',
]

/** The course run of the sample that most is about. */
export const DEMO = 'course-v1:edX+DemoX+2026'

let rows = 0

/** What Django writes when an enrollment is saved: the row, and one of its history with the instant of now. */
export function saved(
  change: { id: number; userId: number; mode: string; isActive: boolean; courseId?: string },
  { at = 'utc_timestamp(6)', actor = null, type = '~' }: { at?: string; actor?: number | null; type?: string } = {},
): string {
  const { id, userId, mode, isActive, courseId = DEMO } = change
  rows += 1
  const historyId = rows.toString(16).padStart(32, '0').replace(/^0/, 'f')
  return `insert into student_courseenrollment (id, user_id, course_id, created, is_active, mode)
      values (${id}, ${userId}, '${courseId}', utc_timestamp(6), ${isActive}, '${mode}')
      on duplicate key update is_active = values(is_active), mode = values(mode);
    insert into student_courseenrollment_history (id, user_id, course_id, created, is_active, mode, history_id, history_date,
        history_type, history_user_id)
      values (${id}, ${userId}, '${courseId}', utc_timestamp(6), ${isActive}, '${mode}', '${historyId}', ${at}, '${type}', ${actor});`
}
