// slow: starts many processes
import { randomBytes } from 'node:crypto'
import { sql, type Kysely } from 'kysely'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import type { EnterpriseDB, EnterpriseTables } from '../../enterprise/database/schema.ts'
import { createClient } from '../../routers/client.ts'
import { cli, lineFile } from '../support/cli.ts'
import { eventually } from '../support/eventually.ts'
import { untilShown } from '../support/feed.ts'
import { hasPgbouncer, knowsPreparedStatements, openPgbouncer } from '../support/pgbouncer.ts'
import { BASE, signToken } from '../support/rest.ts'
import { SECRETS, startServer } from '../support/server-process.ts'
import { runStatement } from '../support/statement.ts'
import { bulkUrl } from './rest/enterprise-v1/api.ts'

// The whole service behind a PgBouncer in transaction mode: every transaction may reach another connection of the server.

const CUSTOMER = 'aaaaaaaa-0000-4000-8000-000000000001'
const LICENSE = '10000000-0000-4000-8000-000000000001'
const COURSE = 'course-v1:edX+Pooled+2026'
const LEARNERS = Array.from({ length: 40 }, (_, number) => `pooled-${number}`)
const LINES = [
  ...['staff', 'ann', 'ron', ...LEARNERS].map((username) => userOf(username)),
  { type: 'course', courseId: COURSE },
  ...['audit', 'verified'].map((slug) => ({ type: 'mode', courseId: COURSE, slug })),
  { type: 'customer', uuid: CUSTOMER, name: 'ACME' },
]

const opened = new AsyncDisposableStack()
afterAll(() => opened.disposeAsync())

describe.skipIf(!hasPgbouncer)('behind PgBouncer', () => {
  test.each(['auto', 'on', 'off'])(
    'with DATABASE_PREPARED_STATEMENTS=%s all of the service works, and nothing is lost or done twice',
    { timeout: 240_000 },
    async (preparedStatements) => {
      const { db, connectionString } = await emptyDatabase()
      const settings = {
        ignore_startup_parameters: 'options',
        ...(knowsPreparedStatements && { max_prepared_statements: 100 }),
      }
      await using pooler = await openPgbouncer(connectionString, settings)
      const env = { DATABASE_URL: pooler.url, DATABASE_PREPARED_STATEMENTS: preparedStatements, ...SECRETS }

      expect(await cli(['migrate', '--json'], env)).toMatchObject({ code: 0 })
      expect(await cli(['import', await lineFile(...LINES)], env)).toMatchObject({ code: 0 })
      const server = startServer({ ...env, LOG_LEVEL: 'warn', RATE_LIMITS: 'off' })
      const { url, internalUrl = '' } = await server.ready
      expect((await fetch(`${url}/readyz`)).status).toBe(200)

      // REST, and single calls of the typed API beside it.
      const [overRest, overRpc] = [LEARNERS.slice(0, 20), LEARNERS.slice(20)]
      await using client = createClient({ url: internalUrl, token: 'token-of-the-tests' })
      const key = { 'x-edx-api-key': SECRETS.EDX_API_KEY }
      const [posts, calls] = await Promise.all([
        Promise.all(overRest.map((user) => post(`${url}${BASE}/enrollment`, key, enrollmentOf(user)))),
        Promise.all(overRpc.map((username) => client.enrollment.enroll.mutate({ username, courseId: COURSE }))),
      ])
      expect(posts.map(({ status }) => status)).toEqual(overRest.map(() => 200))
      expect(calls.map(({ kind }) => kind)).toEqual(overRpc.map(() => 'created'))
      const upgrade = { courseId: COURSE, mode: 'verified', whenEnrolled: 'update' } as const
      const items = LEARNERS.map((username) => ({ username, ...upgrade }))
      const { results } = await client.enrollment.enrollMany.mutate({ items, failureMode: 'strict' })
      expect(results.every(({ ok }) => ok)).toBe(true)

      // A customer: one learner who is there, and one who comes later.
      const staff = { authorization: `JWT ${await tokenOf({ preferred_username: 'staff', administrator: true })}` }
      const funded = { course_run_key: COURSE, license_uuid: LICENSE }
      const rows = ['ann', 'late'].map((name) => ({ email: `${name}@example.com`, ...funded }))
      const bulk = await post(`${url}${bulkUrl(CUSTOMER)}`, staff, { enrollments_info: rows })
      expect(bulk).toMatchObject({
        status: 202,
        body: { successes: [{ created: true }], pending: [{ created: true }] },
      })
      const late = await tokenOf({ preferred_username: 'late', email: 'late@example.com', email_verified: true })
      await fetch(`${url}${BASE}/roles/`, { headers: { authorization: `JWT ${late}` } })
      await eventually(async () => {
        expect(await client.enrollment.get.query({ username: 'late', courseId: COURSE })).toMatchObject({
          mode: 'verified',
        })
      }, 100)

      // The consumer of the feed: who leaves is told to the customer.
      await client.enrollment.change.mutate({ username: 'ann', courseId: COURSE, isActive: false })
      await eventually(async () => expect(await unenrolledRecords(db)).toEqual(['ann']), 100)

      // The command line, beside the server.
      expect(await cli(['enroll', 'ron', COURSE], env)).toMatchObject({ code: 0 })
      const exported = await cli(['export'], env)
      expect(exported.stdout.match(/"type":"enrollment"/g)).toHaveLength(LEARNERS.length + 3)

      // 40 twice, ann twice, late and ron.
      await untilShown(db)
      const { events } = await client.events.list.query({ limit: 1_000 })
      expect(events).toHaveLength(2 * LEARNERS.length + 4)
      expect(new Set(events.map(({ enrollmentId, version }) => `${enrollmentId} ${version}`)).size).toBe(events.length)
      const levels = server.stdout().match(/"level":\d+/g) ?? []
      expect(levels, server.stdout()).not.toContain('"level":50')
      server.child.kill('SIGTERM')
      expect(await server.exit).toBe(0)
    },
  )
})

async function emptyDatabase(): Promise<{ db: Kysely<EnterpriseDB>; connectionString: string }> {
  const { connectionString: server, template } = inject('server')
  const url = new URL(server)
  url.pathname = `${template}_${randomBytes(6).toString('hex')}`
  await runStatement(server, `create database ${url.pathname.slice(1)} template template0`)
  const db = openDatabase({ connectionString: url.href, poolSize: 2 })
  opened.defer(() => db.destroy())
  return { db: db.$extendTables<EnterpriseTables>(), connectionString: url.href }
}

function userOf(username: string) {
  return { type: 'user', username, email: `${username}@example.com`, isStaff: username === 'staff' }
}

function enrollmentOf(user: string) {
  return { user, mode: 'audit', course_details: { course_id: COURSE } }
}

function tokenOf(claims: Record<string, unknown>): Promise<string> {
  return signToken(claims, { secret: SECRETS.JWT_SECRET })
}

async function post(url: string, headers: Record<string, string>, body: object) {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }
  const answer = await fetch(url, init)
  return { status: answer.status, body: await answer.json() }
}

async function unenrolledRecords(db: Kysely<EnterpriseDB>): Promise<string[]> {
  const { rows } = await sql<{ username: string }>`
    select l.username from enterprise_enrollment_records r join enterprise_learner_links k on k.id = r.link_id
    join learners l on l.id = k.learner_id where r.unenrolled order by l.username`.execute(db)
  return rows.map(({ username }) => username)
}
