// slow: starts a MariaDB
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { compareCourseRuns } from '../../../lms/compare/compare.ts'
import { compareSides, type Difference } from '../../../lms/compare/difference.ts'
import { importEnrollments } from '../../../lms/import/enrollments/index.ts'
import { openLmsSource } from '../../../lms/source/source.ts'
import { cli, freshDirectory } from '../../support/cli.ts'
import { createTestDatabase } from '../../support/database.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'
import { bringAccountsAndRuns } from '../support/accounts-and-runs.ts'
import { listReport } from '../support/report.ts'

const NOW = new Date('2026-11-28T12:00:00Z')
const DEMO = 'course-v1:edX+DemoX+2026'

describe('two sides of a pair', () => {
  const side = (mode: string, isActive: boolean, ...values: string[]) => ({
    mode,
    isActive,
    attributes: values.map((value) => ({ namespace: 'n', name: value, value })),
  })
  test.each([
    [null, side('audit', false), null],
    [side('audit', false), null, null],
    [null, side('audit', true), 'onlyThere'],
    [side('audit', true), null, 'onlyHere'],
    [side('audit', true), side('audit', true), null],
    [side('audit', true, 'a', 'b'), side('audit', true, 'b', 'a'), null],
    [side('audit', true), side('verified', false, 'a'), 'mode activity attributes'],
    [side('audit', false), side('verified', false), 'mode'],
  ])('%j and %j', (here, there, expected) => {
    const difference = compareSides(here, there)
    expect(difference && (difference.in.join(' ') || difference.is)).toBe(expected)
  })
})

describe.skipIf(!hasMariadb)('comparing with an LMS', async () => {
  const mariadb = hasMariadb ? await openMariadb() : ({} as TestMariadb)
  afterAll(() => mariadb[Symbol.asyncDispose]?.())
  let databases = 0

  /** A sample of an LMS whose enrollments are here. */
  async function openWorld() {
    databases += 1
    const lms = `edxapp${databases}`
    const url = await mariadb.createDatabase(lms)
    const { db, connectionString } = await createTestDatabase()
    await using source = await openLmsSource(url)
    await bringAccountsAndRuns(db, source)
    await importEnrollments(db, source, { dryRun: false, prefer: 'here', now: NOW }, listReport(), { history: true })
    const compare = async (keys: readonly string[] | 'all' = 'all') => {
      await using snapshot = await openLmsSource(url, { snapshot: true })
      const differences: Difference[] = []
      const comparison = await compareCourseRuns(db, snapshot, keys, {
        onDifference: (found) => differences.push(found),
      })
      return { comparison, differences }
    }
    const run = (statements: string) => mariadb.run(lms, statements)
    const command = async (...args: string[]) => {
      const { code, stdout, stderr } = await cli(['lms', 'compare', '--from', url, ...args], {
        DATABASE_URL: connectionString,
      })
      return { code, stdout, stderr }
    }
    const rows = <Row>(query: string) => mariadb.rows<Row>(lms, query)
    return { db, compare, run, command, rows }
  }

  /** One of each kind of difference. */
  async function plantDifferences({ db, run }: Awaited<ReturnType<typeof openWorld>>): Promise<void> {
    await run(`update student_courseenrollment set mode = 'honor' where id = 100;
      update student_courseenrollment set is_active = 0 where id = 102;
      update student_courseenrollmentattribute set value = 'other' where enrollment_id = 107;
      insert into student_courseenrollment (id, course_id, created, is_active, mode, user_id) values
        (300, '${DEMO}', '2026-05-05 00:00:00', 1, 'audit', 20), (301, '${DEMO}', '2026-05-05 00:00:00', 0, 'audit', 22)`)
    await sql`insert into enrollments (learner_id, course_id, mode, is_active, created, updated)
      select l.id, c.id, 'audit', username = 'eve2', now(), now() from learners l, courses c
      where l.username in ('eve2', 'late_id') and c.course_key = ${DEMO}`.execute(db)
    await sql`insert into enrollment_events (enrollment_id, version, kind, after_mode, after_is_active, actor_kind, actor_name, via, at)
      select id, 1, 'created', mode, is_active, 'system', 'test', 'cli', now() from enrollments e
      where not exists (select from enrollment_events v where v.enrollment_id = e.id)`.execute(db)
  }

  test('what was imported agrees, and what was left aside is no difference', async () => {
    const { compare } = await openWorld()
    const { comparison, differences } = await compare()
    expect(differences).toEqual([])
    expect(comparison).toEqual({
      runs: 8,
      enrollmentsThere: 14,
      enrollmentsHere: 11,
      onlyThere: 0,
      onlyHere: 0,
      different: 0,
      aside: 3,
      runsDiffering: [],
    })
  })

  test('each kind of difference is found, and inactive and missing agree', async () => {
    const world = await openWorld()
    await plantDifferences(world)
    const { comparison, differences } = await world.compare()
    expect(comparison).toMatchObject({ onlyThere: 1, onlyHere: 1, different: 3, aside: 3 })
    expect(comparison.runsDiffering).toEqual([
      { courseId: 'MITx/6.002x/2012_Fall', onlyThere: 0, onlyHere: 0, different: 1, aside: 0 },
      { courseId: DEMO, onlyThere: 1, onlyHere: 1, different: 2, aside: 1 },
    ])
    expect(
      differences.map(({ lmsId, username, is, in: parts }) => [lmsId, username, is, ...parts].join(' ')).toSorted(),
    ).toEqual([
      ' eve2 onlyHere',
      '100 alice different mode',
      '102 alice different activity',
      '107 eve1 different attributes',
      '300 no_mail_worker onlyThere',
    ])
  })

  test('only the course runs that are named, in any spelling', async () => {
    const world = await openWorld()
    await plantDifferences(world)
    expect((await world.compare(['mitx/6.002x/2012_fall'])).comparison).toMatchObject({
      runs: 1,
      different: 1,
      onlyThere: 0,
    })
    expect((await world.compare(['course-v1:edX+New+R1'])).comparison).toMatchObject({ runs: 1, different: 0 })
    expect((await world.compare([])).comparison).toMatchObject({ runs: 0 })
  })

  test('keys that MySQL takes for one are two', async () => {
    const world = await openWorld()
    await world.run(`insert into student_courseenrollment (id, course_id, created, is_active, mode, user_id)
      values (400, 'course-v1:edX+DémoX+2026', now(), 1, 'audit', 20)`)
    expect((await world.compare([DEMO])).comparison.runsDiffering).toEqual([])
    expect((await world.compare()).comparison.runsDiffering).toEqual([
      { courseId: 'course-v1:edX+DémoX+2026', onlyThere: 1, onlyHere: 0, different: 0, aside: 0 },
    ])
  })

  test('the command says it in words and in a file, and its exit code', async () => {
    const world = await openWorld()
    expect(await world.command()).toMatchObject({
      code: 0,
      stdout: `8 course runs compared: 14 enrollments in the LMS, 11 here.
3 rows of the LMS were left aside when they were imported: no differences.
Both sides agree.
`,
    })
    await plantDifferences(world)
    const report = join(await freshDirectory(), 'differences.ndjson')
    const { code, stdout } = await world.command('--report', report, '--fix', 'here', '--dry-run')
    expect(code).toBe(1)
    expect(stdout).toContain(`  ${DEMO}: 1 only in the LMS, 1 only here, 2 different\n`)
    expect(stdout).toContain('5 differences: 1 only in the LMS, 1 only here, 3 different.\n')
    expect(stdout).toContain('Nothing was repaired: this was a dry run.')
    const lines = (await readFile(report, 'utf8')).trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as Difference)).toContainEqual({
      courseId: DEMO,
      userId: 20,
      username: 'no_mail_worker',
      is: 'onlyThere',
      in: [],
      lmsId: 300,
      enrollmentId: null,
      here: null,
      there: { mode: 'audit', isActive: true, attributes: [] },
    })
    expect((await world.compare()).comparison).toMatchObject({ onlyThere: 1, onlyHere: 1, different: 3 })
  })

  test('repaired here, the LMS is right', async () => {
    const world = await openWorld()
    await plantDifferences(world)
    const { code, stdout } = await world.command('--fix', 'here', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ different: 3, fix: 'here', dryRun: false, remaining: 0 })
    expect((await world.compare()).differences).toEqual([])
    const { rows } = await sql<{ text: string }>`
      select concat_ws(' ', username, v.version, kind, after_mode, actor_kind, actor_name, is_imported) as text
      from enrollment_events v join enrollments e on e.id = v.enrollment_id join learners l on l.id = e.learner_id
      where not is_imported and actor_name <> 'test' order by 1`.execute(world.db)
    expect(rows.map(({ text }) => text)).toMatchInlineSnapshot(`
      [
        "alice 2 deactivated honor system lms f",
        "alice 2 modeChanged honor system lms f",
        "eve2 2 deactivated audit system lms f",
        "no_mail_worker 1 created audit system lms f",
      ]
    `)
  })

  test('repaired there, what is here is right', async () => {
    const world = await openWorld()
    await plantDifferences(world)
    const { code, stdout } = await world.command('--fix', 'there')
    expect(stdout).toContain('All were repaired there.\n')
    expect(code).toBe(0)
    expect((await world.compare()).differences).toEqual([])
    expect(
      await world.rows(
        `select id, mode, is_active from student_courseenrollment where id in (100, 102, 300) order by id`,
      ),
    ).toEqual([
      { id: 100, mode: 'verified', is_active: 1 },
      { id: 102, mode: 'honor', is_active: 1 },
      { id: 300, mode: 'audit', is_active: 0 },
    ])
  })

  test('what cannot be repaired remains', async () => {
    const world = await openWorld()
    await world.run(`insert into student_courseenrollment (id, course_id, created, is_active, mode, user_id)
      values (500, '${DEMO}', now(), 1, 'audit', 777777)`)
    const { code, stdout } = await world.command('--fix', 'here')
    expect(stdout).toContain('0 were repaired here, 1 remain: 1 only in the LMS, 0 only here, 0 different.')
    expect(code).toBe(1)
  })

  test('wrong usage ends with 2', async () => {
    const world = await openWorld()
    expect(await world.command('--course', 'course-v1:No+Such+Run')).toMatchObject({
      code: 2,
      stderr: "Neither side has a course run 'course-v1:No+Such+Run'.\n",
    })
    expect(await world.command('--dry-run')).toMatchObject({ code: 2, stderr: '--dry-run goes with --fix.\n' })
    expect(await world.command('--fix', 'nowhere')).toMatchObject({ code: 2 })
  })
})
