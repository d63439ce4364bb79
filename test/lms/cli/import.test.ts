// slow: starts a MariaDB and many processes
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { once } from 'node:events'
import { afterAll, describe, expect, test } from 'vitest'
import { cli, freshDirectory, startCli } from '../../support/cli.ts'
import { createTestDatabase } from '../../support/database.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'
import { connectionsEnded } from '../../support/server-process.ts'

describe('lms import', () => {
  const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }

  test('needs to know the database of the LMS, and takes no other words', async () => {
    expect(await cli(['lms', 'import'], env)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--from.*LMS_DATABASE_URL/),
    })
    expect(await cli(['lms', 'import', '--from', 'postgres://x/y'], env)).toMatchObject({ code: 2 })
    expect(await cli(['lms', 'import', '--from', 'mysql://x/y', '--only', 'users,nonsense'], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("'nonsense' is none of users, courses"),
    })
    expect(await cli(['lms', 'import', '--from', 'mysql://x/y', '--prefer', 'nobody'], env)).toMatchObject({ code: 2 })
  })

  test('says which database is away, and never the password', async () => {
    const ended = await cli(['lms', 'import', '--from', 'mysql://reader:s3cret@127.0.0.1:1/edxapp'], env)
    expect(ended).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'The database of the LMS (edxapp at 127.0.0.1:1) does not answer: is it running, and is the URL right?\n',
    })
    expect(JSON.stringify(ended)).not.toContain('s3cret')
  })
})

describe.skipIf(!hasMariadb)('lms import of the sample', async () => {
  const mariadb = hasMariadb ? await openMariadb() : ({} as TestMariadb)
  afterAll(() => mariadb[Symbol.asyncDispose]?.())
  const url = hasMariadb ? await mariadb.createDatabase('edxapp') : ''
  const empty = hasMariadb ? await mariadb.createDatabase('nothing', 'empty') : ''

  test('ends with 1 where rows were left aside, with the counts, and a report for its owner alone', async () => {
    await using database = await createTestDatabase()
    const env = { DATABASE_URL: database.connectionString, LMS_DATABASE_URL: url }
    const path = join(await freshDirectory(), 'report.ndjson')
    const ended = await cli(['lms', 'import', '--report', path, '--json'], env)
    expect(ended).toMatchObject({ code: 1, stderr: '' })
    const { counts } = JSON.parse(ended.stdout) as { counts: Record<string, unknown> }
    expect(counts['user']).toEqual({ created: 16, changed: 0, unchanged: 0, leftAside: 0 })
    expect(counts['enrollment']).toEqual({ created: 11, changed: 0, unchanged: 0, leftAside: 3 })
    const remarks = (await readFile(path, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(remarks).toContainEqual({
      table: 'auth_user',
      primaryKey: '16',
      what: 'bent',
      why: "email: 'eve@x.io' belongs to the account 'eve1', and is left out",
    })
    expect((await stat(path)).mode & 0o077).toBe(0)
  })

  test('ends with 0 where every row came over, some of them bent', async () => {
    await using database = await createTestDatabase()
    const ended = await cli(['lms', 'import', '--from', url, '--only', 'users,courses'], {
      DATABASE_URL: database.connectionString,
    })
    expect(ended.code).toBe(0)
    expect(ended.stdout).toBe('user: 16 created, 0 changed, 0 unchanged\ncourse: 6 created, 0 changed, 0 unchanged\n')
    expect(ended.stderr).toMatch(/^auth_user 6: year_of_birth: 0 is not a year/)
  })

  test('knows what is no LMS', async () => {
    await using database = await createTestDatabase()
    const ended = await cli(['lms', 'import', '--from', empty], { DATABASE_URL: database.connectionString })
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no table auth_user') })
  })

  test('an import that was killed goes on where it was', async () => {
    const large = await mariadb.createDatabase('large')
    await mariadb.run(
      'large',
      `insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
        select seq, 'x', 0, concat('learner', seq), '', '', concat('learner', seq, '@example.com'), 0, 1, '2023-01-01'
        from seq_1001_to_21000`,
    )
    await using database = await createTestDatabase()
    const env = { DATABASE_URL: database.connectionString, LMS_DATABASE_URL: large }
    const count = async () => {
      const { n } = await database.db
        .selectFrom('learners')
        .select(({ fn }) => fn.countAll<string>().as('n'))
        .executeTakeFirstOrThrow()
      return Number(n)
    }
    const named = new URL(database.connectionString)
    named.searchParams.set('application_name', 'killed-import')
    const child = startCli(['lms', 'import', '--only', 'users'], { ...env, DATABASE_URL: named.href })
    const ended = once(child, 'exit')
    await expect.poll(count, { timeout: 240_000, interval: 10 }).toBeGreaterThan(0)
    child.kill('SIGKILL')
    await ended
    // What it had sent may be committed after its end.
    await connectionsEnded(database.db, 'killed-import')
    const before = await count()
    const again = await cli(['lms', 'import', '--only', 'users', '--json', '--report', '/dev/null'], env)
    expect(again.code).toBe(0)
    expect(JSON.parse(again.stdout)).toEqual({
      counts: { user: { created: 20_016 - before, changed: 0, unchanged: before, leftAside: 0 } },
    })
  }, 600_000)
})
