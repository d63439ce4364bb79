// slow: starts a MariaDB
import { sql, type Kysely } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { importLms, syncTable } from '../../../lms/import/import-lms.ts'
import type { Group } from '../../../lms/import/subject.ts'
import { openLmsSource } from '../../../lms/source/source.ts'
import { lineTypesOf } from '../../../server/extension.ts'
import { builtInExtensions } from '../../../server/extensions.ts'
import { createTestDatabase } from '../../support/database.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'
import { listReport } from '../support/report.ts'

const NOW = new Date('2026-11-28T12:00:00Z')
const DEMO = 'course-v1:edX+DemoX+2026'

interface Settings {
  readonly prefer?: 'here' | 'lms'
  readonly dryRun?: boolean
  readonly only?: readonly Group[]
}

describe.skipIf(!hasMariadb)('the import of an LMS', async () => {
  const mariadb = hasMariadb ? await openMariadb() : ({} as TestMariadb)
  afterAll(() => mariadb[Symbol.asyncDispose]?.())
  let databases = 0

  /** A sample of an LMS, and an empty database here. */
  async function openWorld() {
    databases += 1
    const lms = `edxapp${databases}`
    const url = await mariadb.createDatabase(lms)
    const { db } = await createTestDatabase()
    const further = lineTypesOf(builtInExtensions)
    const bring = async ({ prefer = 'here', dryRun = false, only }: Settings = {}, from = url) => {
      await using source = await openLmsSource(from, { snapshot: true })
      const report = listReport()
      await importLms(db, source, { report, prefer, dryRun, only, history: true, further, now: NOW })
      return { ...report, lines: linesOf(report.remarks) }
    }
    const follow = async (table: string, ranges?: [number, number][]) => {
      await using source = await openLmsSource(url)
      const report = listReport()
      await syncTable(db, source, table, { report, prefer: 'here', dryRun: false, ranges, further, now: NOW })
      return report.counts
    }
    return { db, bring, follow, lms, run: (statements: string) => mariadb.run(lms, statements) }
  }

  test('brings every row of the sample over, bends what it must, and says so', async () => {
    const { bring } = await openWorld()
    const { counts, lines } = await bring()
    expect(counts).toMatchSnapshot('counts')
    expect(lines).toMatchSnapshot('report')
  })

  test('keeps ids, names, standing and instants of accounts', async () => {
    const { db, bring } = await openWorld()
    await bring({ only: ['users'] })
    const rows = await db
      .selectFrom('learners')
      .select(['user_id', 'username', 'email', 'name', 'country', 'year_of_birth', 'joined', 'is_disabled'])
      .where('user_id', 'in', [5, 6, 16, 20, 30, 32, 2147483000])
      .orderBy('user_id')
      .execute()
    expect(rows.map((row) => Object.values(row).join(' | '))).toMatchInlineSnapshot(`
      [
        "5 | alice | alice@example.com | Alice Ångström 😀 | FR | 1985 | 2019-05-06T07:08:09.123456Z | false",
        "6 | Bob | Bob.B@Example.COM | Bob |  |  | 2019-05-06T07:08:09Z | false",
        "16 | eve2 |  | Eve | GB |  | 2014-01-01T00:00:00Z | false",
        "20 | no_mail_worker |  |  |  |  | 2018-01-01T00:00:00Z | false",
        "30 | no_profile | noprofile@example.com |  |  |  |  | false",
        "32 | blocked | blocked@example.com | Blocked | IR |  | 2018-01-01T00:00:00Z | true",
        "2147483000 | late_id | late@example.com |  |  |  | 2026-11-27T12:00:00Z | false",
      ]
    `)
  })

  test('a second import finds nothing to do, and reports the same rows', async () => {
    const { bring } = await openWorld()
    const first = await bring()
    const second = await bring()
    expect(second.lines.map(withoutInstant)).toEqual(first.lines.map(withoutInstant))
    for (const [type, count] of Object.entries(second.counts)) {
      expect([type, count.created, count.changed]).toEqual([type, undefined, undefined])
    }
    expect(second.counts['user']).toEqual({ unchanged: 16 })
  })

  test('a dry run writes nothing and counts the same', async () => {
    const { db, bring } = await openWorld()
    const dry = await bring({ dryRun: true })
    expect(await countOf(db, 'learners')).toBe(0)
    expect(await countOf(db, 'lms_rows')).toBe(0)
    expect((await bring()).counts).toEqual(dry.counts)
  })

  test('what has changed in the LMS comes over, and what has changed here stays', async () => {
    const { db, bring, run } = await openWorld()
    await bring()
    await sql`update learners set name = 'Changed here' where username = 'alice'`.execute(db)
    await run(`update auth_userprofile set name = 'Changed there' where user_id in (5, 6)`)
    const { counts, lines } = await bring({ only: ['users'] })
    expect(counts['user']).toEqual({ changed: 1, unchanged: 15 })
    expect(await nameOf(db, 'Bob')).toBe('Changed there')
    expect(await nameOf(db, 'alice')).toBe('Changed here')
    expect(lines).toContainEqual(expect.stringMatching(/^auth_user 5 bent it was changed both in the LMS and here/))

    expect((await bring({ only: ['users'], prefer: 'lms' })).counts['user']).toEqual({ changed: 1, unchanged: 15 })
    expect(await nameOf(db, 'alice')).toBe('Changed there')
  })

  test('what was changed here alone stays, until the LMS is preferred', async () => {
    const { db, bring } = await openWorld()
    await bring({ only: ['users', 'courses'] })
    await sql`update courses set display_name = 'Ours', owner = 'here' where course_key = ${DEMO}`.execute(db)
    expect((await bring({ only: ['courses'] })).counts['course']).toEqual({ unchanged: 6 })
    expect((await bring({ only: ['courses'], prefer: 'lms' })).counts['course']).toEqual({ changed: 1, unchanged: 5 })
    const course = await db.selectFrom('courses').selectAll().where('course_key', '=', DEMO).executeTakeFirst()
    expect(course).toMatchObject({ display_name: 'Demonstration', owner: 'here' })
  })

  test('what is gone from the LMS goes here, unless another row says it or it was made here', async () => {
    const { db, bring, run } = await openWorld()
    await bring()
    await sql`insert into roles (learner_id, role, org) select id, 'staff', 'Ours' from learners where username = 'alice'`.execute(
      db,
    )
    await run(`delete from student_courseaccessrole where user_id = 5;
      delete from student_courseenrollmentallowed where email = 'future@example.com';
      delete from course_groups_cohortmembership where user_id = 5;
      delete from embargo_globalrestrictedcountry`)
    const { counts } = await bring()
    expect(counts).toMatchObject({
      role: { changed: 2, unchanged: 8, leftAside: 1 },
      allowance: { changed: 2, unchanged: 2, leftAside: 1 },
      embargoCountry: { changed: 1 },
      // The older list has the member still.
      cohortMember: { created: 1, changed: 1, unchanged: 3, leftAside: 2 },
    })
    const roles = await db
      .selectFrom('roles as r')
      .innerJoin('learners as l', 'l.id', 'r.learner_id')
      .select('r.org')
      .where('l.username', '=', 'alice')
      .execute()
    expect(roles).toEqual([{ org: 'Ours' }])
  })

  test('a renamed account and a renamed cohort keep what belongs to them', async () => {
    const { db, bring, run } = await openWorld()
    await bring()
    await run(`update auth_user set username = 'alice2' where id = 5;
      update course_groups_courseusergroup set name = 'Renamed' where id = 1`)
    const { counts } = await bring()
    expect(counts).toMatchObject({
      user: { changed: 1, unchanged: 15 },
      cohort: { changed: 1, unchanged: 2 },
      role: { unchanged: 10 },
      cohortMember: { unchanged: 4 },
    })
    const rows = await db
      .selectFrom('cohort_members as m')
      .innerJoin('cohorts as h', 'h.id', 'm.cohort_id')
      .innerJoin('learners as l', 'l.id', 'm.learner_id')
      .select(['h.name', 'l.username'])
      .where('l.user_id', '=', 5)
      .where('h.name', '=', 'Renamed')
      .execute()
    expect(rows).toEqual([{ name: 'Renamed', username: 'alice2' }])
  })

  test('rows without an account or a course run wait aside, whole, and come over later', async () => {
    const { db, bring, run } = await openWorld()
    await bring()
    const aside = () =>
      sql<{ why: string; content: { role?: string } }>`
      select why, content from lms_rows_aside where table_name = 'student_courseaccessrole'`.execute(db)
    expect((await aside()).rows).toMatchObject([
      { why: 'there is no account with the id 999999', content: { role: 'staff' } },
    ])
    await run(`insert into auth_user select 999999, password, last_login, 0, 'late', '', '', 'late2@example.com', 0, 1,
      date_joined from auth_user where id = 5`)
    const { counts } = await bring()
    expect(counts['role']).toEqual({ created: 1, unchanged: 10 })
    expect((await aside()).rows).toEqual([])
  })

  test('an older release without some tables and columns is read as it is', async () => {
    const { bring, run } = await openWorld()
    await run(`drop table student_userstanding; drop table embargo_globalrestrictedcountry; drop table enterprise_pendingenrollment;
      alter table enterprise_enterprisecustomeruser drop column user_fk, drop column is_relinkable;
      alter table course_modes_coursemode drop column bulk_sku, drop column sku;
      alter table course_overviews_courseoverview drop column self_paced`)
    const { counts } = await bring()
    expect(counts['user']).toEqual({ created: 16 })
    expect(counts['course']).toEqual({ created: 6 })
    expect(counts['customerLink']).toEqual({ created: 6, leftAside: 1 })
    expect(counts['embargoCountry']).toBeUndefined()
  })

  test('an account that may only select is enough', async () => {
    const { bring, lms } = await openWorld()
    await mariadb.run(
      lms,
      `create user 'reader_${lms}'@'%' identified by 'secret'; grant select on ${lms}.* to 'reader_${lms}'@'%'`,
    )
    const url = new URL(mariadb.url(lms))
    Object.assign(url, { username: `reader_${lms}`, password: 'secret' })
    expect((await bring({}, url.href)).counts['user']).toEqual({ created: 16 })
  })

  test('a row that the database refuses costs no other', async () => {
    const { db, bring } = await openWorld()
    await sql`alter table learners add constraint no_bob check (username <> 'Bob')`.execute(db)
    const { counts, lines } = await bring({ only: ['users'] })
    expect(counts['user']).toEqual({ created: 15, leftAside: 1 })
    expect(lines).toContainEqual(expect.stringMatching(/^auth_user 6 leftAside .*no_bob/))
  })

  test('roles that may be elsewhere are remarked', async () => {
    const { bring, run } = await openWorld()
    await run(`create table waffle_flag (id int primary key, name varchar(100) not null);
      insert into waffle_flag values (1, 'other'), (7, 'authz.enable_course_authoring')`)
    const { lines } = await bring({ only: ['roles'] })
    expect(lines.filter((line) => line.startsWith('waffle'))).toEqual([
      expect.stringMatching(/^waffle_flag 7 bent staff roles may have been moved/),
    ])
  })

  test('one table is brought in step, all of it or a range of keys', async () => {
    const { bring, follow, run } = await openWorld()
    await bring()
    await run(
      `update auth_user set is_staff = 1 where id in (5, 22); delete from student_courseaccessrole where user_id = 16`,
    )
    expect(await follow('auth_user', [[1, 10]])).toEqual({ user: { changed: 1, unchanged: 4 } })
    expect(await follow('auth_user')).toEqual({ user: { changed: 1, unchanged: 15 } })
    expect(await follow('student_courseaccessrole')).toEqual({ role: { changed: 1, unchanged: 9, leftAside: 1 } })
  })
})

function linesOf(remarks: readonly { table: string; primaryKey: string; what: string; why: string }[]): string[] {
  return remarks.map(({ table, primaryKey, what, why }) => `${table} ${primaryKey} ${what} ${why}`)
}

/** The first import says since when an enrollment is, the second one does not know any more. */
function withoutInstant(line: string): string {
  return line.replace(/: 2026-11-28T12.*$/, '')
}

async function countOf(db: Kysely<DB>, table: string): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::integer as n from ${sql.table(table)}`.execute(db)
  return rows[0]?.n ?? -1
}

async function nameOf(db: Kysely<DB>, username: string): Promise<string | undefined> {
  return (await db.selectFrom('learners').select('name').where('username', '=', username).executeTakeFirst())?.name
}
