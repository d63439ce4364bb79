// slow: starts many processes
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readHistory } from '../../../core/event/read.ts'
import { cli } from '../../support/cli.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { importAll } from '../../support/transfer.ts'

const COURSE = 'course-v1:edX+DemoX+2026'

let database: TestDatabase
let env: Record<string, string>

beforeAll(async () => {
  database = await createTestDatabase()
  env = { DATABASE_URL: database.connectionString }
  await importAll(database.db, [
    { type: 'user', username: 'alice', email: 'alice@example.com', isStaff: true },
    { type: 'user', username: 'bob', email: 'bob@example.com' },
    { type: 'course', courseId: COURSE },
    { type: 'mode', courseId: COURSE, slug: 'audit' },
    { type: 'mode', courseId: COURSE, slug: 'verified', minPrice: 49 },
    { type: 'course', courseId: 'course-v1:edX+Closed+2020', enrollmentEnd: '2020-01-01T00:00:00Z' },
  ])
})
afterAll(() => database[Symbol.asyncDispose]())

describe('enroll', () => {
  test('enrolls under all rules, with an event of its own', async () => {
    expect(await cli(['enroll', 'bob', COURSE, '--reason', 'ticket 4711'], env)).toEqual({
      code: 0,
      stdout: `bob is enrolled in ${COURSE} now (audit).\n`,
      stderr: '',
    })
    const [event] = await readHistory(database.db, { username: 'bob' }, COURSE)
    expect(event).toMatchObject({ via: 'cli', actor: { kind: 'system', name: 'cli' }, reason: 'ticket 4711' })

    const again = await cli(['enroll', '--email', 'BOB@example.com', COURSE, '--mode', 'verified', '--json'], env)
    expect(JSON.parse(again.stdout)).toMatchObject({ kind: 'unchanged', enrollment: { mode: 'audit' }, eventId: null })
    const update = ['--username', 'bob', '--course', COURSE, '--mode', 'verified', '--update']
    expect(await cli(['enroll', ...update], env)).toMatchObject({
      stdout: `bob has changed from audit to verified in ${COURSE}.\n`,
    })
    expect(await cli(['enroll', ...update, '--inactive'], env)).toMatchObject({
      stdout: `bob is no longer enrolled in ${COURSE} (verified, inactive).\n`,
    })
  })

  test('says in plain words why not: 1', async () => {
    expect(await cli(['enroll', 'nobody', COURSE], env)).toEqual({
      code: 1,
      stdout: '',
      stderr: "No account has the username 'nobody'.\n",
    })
    const closed = ['enroll', 'alice', 'course-v1:edX+Closed+2020']
    const bob = ['enroll', 'bob', 'course-v1:edX+Closed+2020']
    expect(await cli(bob, env)).toMatchObject({ code: 1, stderr: 'Enrollment has ended.\n' })
    const { code, stdout } = await cli([...bob, '--json'], env)
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'enrollmentClosed', details: { because: 'ended' } } })
    expect(await cli([...bob, '--force'], env)).toMatchObject({ code: 0 })
    // Site staff may at any time.
    expect(await cli(closed, env)).toMatchObject({ code: 0 })
  })
})
