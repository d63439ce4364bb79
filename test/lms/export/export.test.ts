// slow: starts a MariaDB, and commands as processes
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import { listEvents } from '../../../core/event/read.ts'
import { createCaller } from '../../../routers/index.ts'
import { cli, freshDirectory } from '../../support/cli.ts'
import { createTestDatabase } from '../../support/database.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'
import { addMoved, DEMO, NEW_RUN } from '../../support/moved.ts'
import { addCourse } from '../../support/seed.ts'

describe.skipIf(!hasMariadb)('lms export', async () => {
  const mariadb = hasMariadb ? await openMariadb() : ({} as TestMariadb)
  afterAll(() => mariadb[Symbol.asyncDispose]?.())
  let count = 0

  async function moved() {
    const name = `lms_${(count += 1)}`
    const url = await mariadb.createDatabase(name)
    const database = await createTestDatabase()
    const { db } = database
    await addMoved(db)
    const { cursor } = await listEvents(db, { after: 'latest', limit: 1 })
    const caller = createCaller({ db, actor: { kind: 'user', name: 'edx' } })
    const command = (args: readonly string[]) =>
      cli(['lms', 'export', ...args], { DATABASE_URL: database.connectionString })
    const run = (to: string, ...options: string[]) => command(['--to', to, ...options])
    const read = <Row>(query: string) => mariadb.rows<Row>(name, query)
    const everything = () =>
      Promise.all(
        ['student_courseenrollment', 'student_courseenrollment_history', 'student_courseenrollmentattribute'].map(
          (table) => read(`select * from ${table} order by 1, 2, 3`),
        ),
      )
    return {
      db,
      caller,
      cursor,
      command,
      run,
      url,
      name,
      read,
      everything,
      [Symbol.asyncDispose]: database[Symbol.asyncDispose],
    }
  }

  /** Alice falls to audit, Bob comes back with an attribute, josé is new. */
  async function change({ caller }: Pick<Awaited<ReturnType<typeof moved>>, 'caller'>) {
    await caller.enrollment.enroll({ username: 'alice', courseId: DEMO, mode: 'audit', whenEnrolled: 'update' })
    const attributes = [{ namespace: `it's`, name: 'a\\b', value: `"x"\n-- ;\t😀 é\u001a` }]
    await caller.enrollment.enroll({ username: 'Bob', courseId: DEMO, mode: 'honor', attributes })
    await caller.enrollment.enroll({ username: 'josé', courseId: NEW_RUN, mode: 'audit' })
  }

  const STATE = `select e.user_id, e.course_id, e.is_active, e.mode from student_courseenrollment e
    where e.user_id in (5, 6, 9) and e.course_id in ('${DEMO}', '${NEW_RUN}') and e.id <> 103 order by 1, 2`
  const CHANGED = [
    { user_id: 5, course_id: DEMO, is_active: 1, mode: 'audit' },
    { user_id: 6, course_id: DEMO, is_active: 1, mode: 'honor' },
    { user_id: 9, course_id: NEW_RUN, is_active: 1, mode: 'audit' },
  ]
  const ATTRIBUTES = 'select namespace, name, value from student_courseenrollmentattribute where enrollment_id = 101'
  const BOBS = [{ namespace: `it's`, name: 'a\\b', value: `"x"\n-- ;\t😀 é\u001a` }]

  const versions = (db: Kysely<DB>) =>
    db
      .selectFrom('enrollments as e')
      .leftJoin('enrollment_lms_ids as i', 'i.enrollment_id', 'e.id')
      .select(['e.version', 'i.agreed_version', 'i.lms_id'])
      .orderBy('e.id')
      .execute()

  test('brings what was changed since a cursor, and a second run does nothing', async () => {
    await using lms = await moved()
    await change(lms)
    const before = await lms.everything()
    const dry = await lms.run(lms.url, '--since', lms.cursor, '--dry-run', '--json')
    expect(JSON.parse(dry.stdout)).toEqual({ dryRun: true, pairs: 3, counts: { inserted: 1, updated: 2 }, listed: [] })
    expect(await lms.everything()).toEqual(before)
    const first = await lms.run(lms.url, '--since', lms.cursor)
    expect(first).toEqual({
      code: 0,
      stdout: '3 enrollments\n  new in the LMS: 1\n  changed in the LMS: 2\n',
      stderr: '',
    })
    expect(await lms.read(STATE)).toEqual(CHANGED)
    expect(await lms.read(ATTRIBUTES)).toEqual(BOBS)
    expect(
      await lms.read(
        `select history_type, history_user_id from student_courseenrollment_history where history_change_reason = 'enrollment-service' order by 1`,
      ),
    ).toEqual([
      { history_type: '+', history_user_id: 1 },
      { history_type: '~', history_user_id: 1 },
      { history_type: '~', history_user_id: 1 },
    ])
    expect(await versions(lms.db)).toEqual([
      { version: 2, agreed_version: 2, lms_id: 100 },
      { version: 2, agreed_version: 2, lms_id: 101 },
      { version: 1, agreed_version: 1, lms_id: expect.any(Number) },
    ])
    const after = await lms.everything()
    const second = await lms.run(lms.url, '--since', lms.cursor, '--json')
    expect(JSON.parse(second.stdout)).toMatchObject({ pairs: 3, counts: { unchanged: 3 } })
    expect(await lms.everything()).toEqual(after)
    // Without a cursor: what both sides are not known to agree on.
    expect(JSON.parse((await lms.run(lms.url, '--json')).stdout)).toMatchObject({ pairs: 0, counts: {} })
  })

  test('writes a file that does the same, each time it is loaded', async () => {
    await using lms = await moved()
    await change(lms)
    const file = join(await freshDirectory(), 'back.sql')
    const { code, stdout } = await lms.run(file, '--since', lms.cursor)
    expect([code, stdout]).toEqual([0, '3 enrollments\n  in the file: 3\n'])
    const statements = await readFile(file, 'utf8')
    await mariadb.run(lms.name, statements)
    expect(await lms.read(STATE)).toEqual(CHANGED)
    expect(await lms.read(ATTRIBUTES)).toEqual(BOBS)
    const after = await lms.everything()
    await mariadb.run(lms.name, statements)
    expect(await lms.everything()).toEqual(after)
    // What a connection would have written is the same, to the ids of the rows of history.
    expect(JSON.parse((await lms.run(lms.url, '--json')).stdout)).toMatchObject({ counts: { unchanged: 3 } })
  })

  test('lists accounts without an id of the LMS first, and what MySQL takes for another pair', async () => {
    await using lms = await moved()
    const unknown = await addCourse(lms.db)
    const [plain, accents] = ['course-v1:edX+e+R1', 'course-v1:edX+é+R1']
    for (const key of [plain, accents]) await addCourse(lms.db, { course_key: key })
    await lms.db.insertInto('learners').values({ username: 'made_by_token' }).execute()
    for (const courseId of [unknown, plain, accents])
      await lms.caller.enrollment.enroll({ username: 'alice', courseId })
    await lms.caller.enrollment.enroll({ username: 'made_by_token', courseId: DEMO })
    const before = await lms.everything()
    const { code, stdout } = await lms.run(lms.url, '--since', lms.cursor)
    expect(code).toBe(1)
    expect(stdout).toBe(
      `not written: made_by_token in ${DEMO}: the account has no id of the LMS: make it there first
not written: alice in ${unknown}: the LMS does not have the course run
not written: alice in ${plain}: MySQL takes it for another pair
not written: alice in ${accents}: MySQL takes it for another pair
4 enrollments
  not written, the account has no id of the LMS: make it there first: 1
  not written, the LMS does not have the course run: 1
  not written, MySQL takes it for another pair: 2
`,
    )
    expect(await lms.everything()).toEqual(before)
    const file = join(await freshDirectory(), 'back.sql')
    const toFile = await lms.run(file, '--since', lms.cursor, '--json')
    expect(toFile.code).toBe(1)
    expect(JSON.parse(toFile.stdout)).toMatchObject({ counts: { noLmsId: 1, sameInMysql: 2, inFile: 1 } })
    await mariadb.run(lms.name, await readFile(file, 'utf8'))
    expect(await lms.everything()).toEqual(before)
  })

  test('leaves what a course run of the LMS says, unless it was changed here', async () => {
    await using lms = await moved()
    await change(lms)
    await lms.db.updateTable('courses').set({ owner: 'lms' }).where('course_key', '=', DEMO).execute()
    const agreed = lms.db.updateTable('enrollment_lms_ids').set({ agreed_version: 2 }).where('lms_id', '=', 100)
    await agreed.execute()
    const { stdout } = await lms.run(lms.url, '--since', lms.cursor, '--dry-run', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ counts: { inserted: 1, updated: 1 } })
  })

  test.each([
    [
      ['--to', 'mysql://root:s3cret@127.0.0.1:1/edxapp'],
      'The database of the LMS cannot be used: connect ECONNREFUSED',
    ],
    [['--to', '/nowhere/back.sql'], 'Cannot write /nowhere/back.sql: there is no such file or directory.'],
    [['--to', 'x.sql', '--since', 'yesterday'], `--since: 'yesterday' is not a cursor of the feed.`],
  ])('%s cannot be used', async (args, words) => {
    await using lms = await moved()
    const { code, stderr } = await lms.command(args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)])
    expect(stderr).not.toContain('s3cret')
  })
})
