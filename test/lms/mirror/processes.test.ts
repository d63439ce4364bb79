// long: starts servers as processes
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { CompiledQuery } from 'kysely'
import { describe, expect, test } from 'vitest'
import { createCaller } from '../../../routers/index.ts'
import { cli } from '../../support/cli.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { answer, openScriptedLms } from '../../support/scripted-lms.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { buildTestApp, openTestServer } from '../../support/server.ts'
import { SECRETS, startServer } from '../../support/server-process.ts'

const MIRROR = { ...SECRETS, LOG_LEVEL: 'silent', LMS_MIRROR: 'on', LMS_API_KEY: 'api-key', LMS_MIRROR_RATE: '500/s' }

describe('servers that mirror', () => {
  test('killed while they send, they lose nothing and do nothing twice', async () => {
    await using lms = await openScriptedLms()
    await using database = await createTestDatabase()
    const { db, connectionString } = database
    const courseId = await addCourse(db)
    const { username } = await addLearner(db)
    const caller = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
    await caller.enrollment.enroll({ username, courseId, mode: 'verified' })
    const env = { ...MIRROR, DATABASE_URL: connectionString, LMS_URL: lms.url, LMS_TIMEOUT: '1s' }
    // The LMS has done it when the server is killed that has asked for it.
    lms.script = ({ method }, _, work) => (method === 'POST' ? work() : false)
    const first = startServer({ ...env, LMS_TIMEOUT: '60s' })
    await eventually(() => expect(lms.posts()).toHaveLength(1))
    first.child.kill('SIGKILL')
    await first.exit
    // As long as the claim of the dead one lasts would be a long time to wait.
    const { rows } = await db.executeQuery<{ isClaimed: boolean }>(
      CompiledQuery.raw(
        `update lms_mirror_pairs set next_attempt_at = now() + interval '1 second'
        returning claimed_by is not null and next_attempt_at > now() as "isClaimed"`,
      ),
    )
    expect(rows).toEqual([{ isClaimed: true }])
    lms.script = () => false
    const second = startServer(env)
    await second.ready
    await eventually(async () =>
      expect(await db.selectFrom('enrollment_lms_ids').select('agreed_version').execute()).toEqual([
        { agreed_version: 1 },
      ]),
    )
    expect(lms.changes).toEqual([`${username},${courseId} active verified`])
    expect(lms.posts()).toHaveLength(1)
  })

  test('keep another instance of this service in step, and the list tells what it refuses', async () => {
    await using there = await createTestDatabase()
    await using server = await openTestServer(buildTestApp({ db: there.db }))
    await using here = await createTestDatabase()
    const course = { course_key: 'course-v1:edX+DemoX+2026', modes: ['audit', 'verified', 'honor'] }
    for (const { db } of [there, here]) await addCourse(db, course)
    const learners = await addLearners(here.db, 4)
    const known = learners.slice(0, 3)
    await there.db
      .insertInto('learners')
      .values(known.map(({ username }) => ({ username })))
      .execute()
    const courseId = course.course_key
    const caller = createCaller({ db: here.db, actor: { kind: 'service', name: 'tests' } })
    const process = startServer({ ...MIRROR, DATABASE_URL: here.connectionString, LMS_URL: server.url })
    await process.ready
    for (const { username } of learners) await caller.enrollment.enroll({ username, courseId, mode: 'audit' })
    for (const { username } of known) await caller.enrollment.change({ username, courseId, mode: 'verified' })
    const states = (db: typeof here.db, names: readonly string[]) =>
      db
        .selectFrom('enrollments as e')
        .innerJoin('learners as l', 'l.id', 'e.learner_id')
        .select(['l.username', 'e.mode', 'e.is_active'])
        .where('l.username', 'in', names)
        .orderBy('l.username')
        .execute()
    const names = known.map(({ username }) => username)
    await eventually(async () => expect(await states(there.db, names)).toEqual(await states(here.db, names)))
    await caller.enrollment.change({ username: known[0]?.username ?? '', courseId, mode: 'honor' })
    await caller.enrollment.change({ username: known[0]?.username ?? '', courseId, isActive: false })
    await eventually(async () => expect(await states(there.db, names)).toEqual(await states(here.db, names)))
    const stranger = learners[3]?.username ?? ''
    const env = { DATABASE_URL: here.connectionString }
    await eventually(async () => {
      const { code, stdout } = await cli(['lms', 'mirror', 'list', '--json'], env)
      expect(code).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({
        status: { due: 0, refused: 1, unsent: 0, failing: 0, left: 0 },
        pairs: [{ username: stranger, state: 'refused', lastError: `The user ${stranger} does not exist.` }],
      })
    }, 500)
    const list = await cli(['lms', 'mirror', 'list'], env)
    expect(list.stdout).toContain(`refused  ${stranger},${courseId}  active audit`)
    const retried = await cli(['lms', 'mirror', 'retry', '--all', '--json'], env)
    expect(JSON.parse(retried.stdout)).toEqual({ retried: 1 })
    const wrong = await cli(['lms', 'mirror', 'drop', 'nobody,course-v1:a+b+c'], env)
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('is not to be sent to the LMS')])
  })

  test('the worker gets a token, which is remembered, and no secret is told', async () => {
    await using lms = await openScriptedLms()
    await using database = await createTestDatabase()
    const { db, connectionString } = database
    const asked: string[] = []
    const endpoint = createServer((request, response) => {
      const give = async () => {
        asked.push(await text(request))
        answer(response, 200, { access_token: `token-${asked.length}`, expires_in: 3600, token_type: 'JWT' })
      }
      give().catch(() => response.destroy())
    })
    endpoint.listen(0, '127.0.0.1')
    await once(endpoint, 'listening')
    const address = endpoint.address()
    const port = typeof address === 'object' ? address?.port : 0
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 3)
    const caller = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
    for (const { username } of learners) await caller.enrollment.enroll({ username, courseId })
    // The first token is not believed.
    lms.script = ({ headers }, response) =>
      headers.authorization === 'JWT token-1' ? answer(response, 401, { detail: 'Token has expired.' }) : false
    const process = startServer({
      ...MIRROR,
      LOG_LEVEL: 'debug',
      DATABASE_URL: connectionString,
      LMS_URL: lms.url,
      LMS_WORKER_USERNAME: 'worker',
      LMS_WORKER_TOKEN_URL: `http://id:s3cr%2Ft@127.0.0.1:${port}/oauth2/access_token`,
    })
    await eventually(() => expect(lms.changes).toHaveLength(3))
    endpoint.closeAllConnections()
    endpoint.close()
    expect(asked).toHaveLength(2)
    expect(Object.fromEntries(new URLSearchParams(asked[0]))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'id',
      client_secret: 's3cr/t',
      token_type: 'jwt',
    })
    expect(process.stdout() + process.stderr()).not.toMatch(/s3cr|token-\d/)
  })
})
