// slow: starts a MariaDB
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli } from '../../support/cli.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'
import { openFollowWorld, type FollowWorld } from '../follow/world.ts'

describe.skipIf(!hasMariadb)('lms status', () => {
  let mariadb: TestMariadb
  let world: FollowWorld
  beforeAll(async () => {
    mariadb = await openMariadb()
    world = await openFollowWorld(mariadb)
  }, 120_000)
  afterAll(async () => {
    await world[Symbol.asyncDispose]()
    await mariadb[Symbol.asyncDispose]()
  })

  const run = (...args: string[]) =>
    cli(['lms', 'status', ...args], { DATABASE_URL: world.connectionString, LMS_DATABASE_URL: world.url })

  test('before anything is followed, it says so', async () => {
    const { code, stdout } = await run()
    expect(code).toBe(0)
    expect(stdout).toContain('it answers.')
    expect(stdout).toContain('Nothing is followed')
    expect(stdout).toContain('Course runs: 0 owned here, 0 by the LMS.')
  })

  test('shows how far each stream is, who owns course runs, which rows are kept aside, and which index is missing', async () => {
    {
      await using _ = world.follow()
      await world.inStep()
    }
    const { stdout } = await run('--json')
    const status = JSON.parse(stdout)
    expect(status).toMatchObject({
      source: { isReachable: true, error: null },
      owners: { here: 0, lms: 6 },
      mirror: { due: 0, refused: 0, unsent: 0 },
      streams: expect.arrayContaining([
        expect.objectContaining({
          name: 'enrollments',
          position: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/),
          pending: 0,
          lastError: null,
          remark: expect.stringContaining('create index history_date on student_courseenrollment_history'),
        }),
        expect.objectContaining({ name: 'accounts', lastError: null, remark: null }),
      ]),
    })
    expect(status.aside).toContainEqual({
      table: 'student_courseenrollment',
      why: 'there is no course run …',
      rows: 2,
      example: '104',
    })
    const { stdout: words } = await run()
    expect(words).toMatch(/^ {2}enrollments +\d+\.\d s behind +\d{4}-/m)
    expect(words).toContain('       2 student_courseenrollment: there is no course run … (e.g. 104)')
  })

  test('an LMS that is away is a finding, and never shows its password', async () => {
    await mariadb.kill()
    const url = new URL(world.url)
    url.password = 'geheim'
    const { code, stdout } = await cli(['lms', 'status'], {
      DATABASE_URL: world.connectionString,
      LMS_DATABASE_URL: url.href,
    })
    await mariadb.start()
    expect(code).toBe(0)
    expect(stdout).toMatch(/^The database of the LMS: .*(ECONNREFUSED|cannot be reached|does not answer)/m)
    expect(stdout).not.toContain('geheim')
  })
})
