// slow: starts a MariaDB
import { sql, type Kysely } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import type { LmsDB } from '../../../../lms/database/schema.ts'
import { importEnrollments } from '../../../../lms/import/enrollments/index.ts'
import { openLmsSource } from '../../../../lms/source/source.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../../support/mariadb.ts'
import { bringAccountsAndRuns } from '../../support/accounts-and-runs.ts'
import { listReport } from '../../support/report.ts'

const NOW = new Date('2026-11-28T12:00:00Z')
const DEMO = 'course-v1:edX+DemoX+2026'

describe.skipIf(!hasMariadb)('enrollments of an LMS', async () => {
  const mariadb = hasMariadb ? await openMariadb() : ({} as TestMariadb)
  afterAll(() => mariadb[Symbol.asyncDispose]?.())
  let databases = 0

  /** A sample of an LMS, and a database here that has its accounts and course runs. */
  async function openWorld() {
    databases += 1
    const lms = `edxapp${databases}`
    const url = await mariadb.createDatabase(lms)
    const { db } = await createTestDatabase()
    {
      await using source = await openLmsSource(url)
      await bringAccountsAndRuns(db, source)
    }
    const bring = async ({ prefer = 'here' as const, dryRun = false, history = true, now = NOW } = {}) => {
      await using source = await openLmsSource(url, { snapshot: true })
      const report = listReport()
      await importEnrollments(db, source, { dryRun, prefer, now }, report, { history })
      return report
    }
    return { db, url, bring, run: (statements: string) => mariadb.run(lms, statements) }
  }

  test('come over with ids, instants, attributes and their spelling here', async () => {
    const { db, bring } = await openWorld()
    const { counts } = await bring()
    expect(counts).toEqual({
      enrollment: { created: 11, leftAside: 3 },
      enrollmentAttribute: { leftAside: 1 },
      enrollmentHistory: { created: 12, leftAside: 1 },
    })
    expect(await everyEnrollment(db)).toMatchInlineSnapshot(`
      [
        "100 100 alice course-v1:edX+DemoX+2026 verified active v1 agreed 1 2026-01-02T03:04:05.678901 2026-01-02T03:04:05.679000",
        "101 101 Bob course-v1:edX+DemoX+2026 audit inactive v2 agreed 2 2026-01-02T03:04:05.000001 2026-05-01T00:00:00.000000",
        "102 102 alice MITx/6.002x/2012_Fall honor active v1 agreed 1 2012-09-01T00:00:00.000000 2012-09-01T00:00:00.000000",
        "103 103 josé course-v1:edX+DemoX+2026 audit active v1 agreed 1 2026-02-01T00:00:00.000000 2026-02-01T00:00:00.000000",
        "106 106 never_activated course-v1:edX+DemoX+2026 audit active v1 agreed 1 2026-11-28T12:00:00.000000 2026-11-28T12:00:00.000000",
        "107 107 eve1 course-v1:edX+DemoX+2026 credit active v1 agreed 1 2026-11-28T12:00:00.000000 2026-11-28T12:00:00.000000",
        "108 108 eve2 ccx-v1:edX+DemoX+2026+ccx@3 honor active v1 agreed 1 2016-03-01T00:00:00.000000 2016-03-01T00:00:00.000000",
        "109 109 李雷 course-v1:Übung+数学.101~x+2014-é honor active v1 agreed 1 2014-03-01T00:00:00.000000 2014-03-01T00:00:00.000000",
        "110 110 retired__user_8f14e45f course-v1:edX+DemoX+2026 verified inactive v1 agreed 1 2023-03-01T00:00:00.000000 2023-03-01T00:00:00.000000",
        "111 111 carol  course-v1:edX+NoModes+R1 no-such-mode active v1 agreed 1 2026-03-01T00:00:00.000000 2026-03-01T00:00:00.000000",
        "112 112 late_id course-v1:edX+New+R1 professional active v1 agreed 1 2026-03-01T00:00:00.000000 2026-03-01T00:00:00.000000",
      ]
    `)
    expect(await eventsOf(db, 100)).toMatchInlineSnapshot(`
      [
        "1 created verified active 2026-01-02T03:04:05.679000Z system lms imported",
      ]
    `)
    expect(await eventsOf(db, 101)).toMatchInlineSnapshot(`
      [
        "1 created audit active 2026-01-02T03:04:05.000002Z user Bob imported",
        "2 deactivated audit 2026-05-01T00:00:00Z user edx bulk unenroll imported",
      ]
    `)
    expect(await attributesHere(db)).toMatchInlineSnapshot(`
      [
        "100 0 order/order_number=EDX-100002",
        "100 1 order/date_placed=2026-01-02T03:04:05Z",
        "101 0 /=",
        "107 0 credit/provider_id=hogwarts",
      ]
    `)
  })

  test('that were bent or left aside are named, and kept whole', async () => {
    const { db, bring } = await openWorld()
    const { remarks } = await bring()
    expect(remarks.map(({ table, primaryKey, what, why }) => `${table} ${primaryKey} ${what}: ${why}`))
      .toMatchInlineSnapshot(`
      [
        "student_courseenrollment 106 bent: it has no instant of creation; it has that of the first import: 2026-11-28T12:00:00Z",
        "student_courseenrollment 107 bent: its instant of creation is none; it has that of the first import: 2026-11-28T12:00:00Z",
        "student_courseenrollment 104 leftAside: there is no course run 'course-v1:Gone+Deleted+2019'",
        "student_courseenrollment 113 leftAside: there is no course run 'not a course key'",
        "student_courseenrollment 105 leftAside: there is no account with the id 999999",
        "student_courseenrollmentattribute 6 leftAside: its enrollment is gone",
        "student_courseenrollment_history 20000000000040008000000000000007 leftAside: its enrollment is gone",
      ]
    `)
    const { rows } = await sql<{ table_name: string; primary_key: string; content: unknown }>`
      select table_name, primary_key, content from lms_rows_aside order by table_name, primary_key`.execute(db)
    expect(rows.map((row) => `${row.table_name} ${row.primary_key}`)).toMatchInlineSnapshot(`
      [
        "student_courseenrollment 104",
        "student_courseenrollment 105",
        "student_courseenrollment 113",
        "student_courseenrollment_history 20000000000040008000000000000007",
        "student_courseenrollmentattribute 6",
      ]
    `)
    expect(rows.find((row) => row.primary_key === '104')?.content).toEqual({
      id: 104,
      user_id: 5,
      course_id: 'course-v1:Gone+Deleted+2019',
      created: '2019-02-01 00:00:00.000000',
      is_active: 1,
      mode: 'verified',
    })
  })

  test('change nothing when they are brought again', async () => {
    const { db, bring } = await openWorld()
    await bring()
    const before = await everything(db)
    const { counts } = await bring({ now: new Date('2026-11-29T00:00:00Z') })
    expect(counts['enrollment']).toEqual({ unchanged: 11, leftAside: 3 })
    expect(counts['enrollmentHistory']).toEqual({ leftAside: 1 })
    expect(await everything(db)).toEqual(before)
  })

  test('that changed in the LMS get one more event', async () => {
    const { db, bring, run } = await openWorld()
    await bring()
    await run(`update student_courseenrollment set is_active = 0 where id = 100;
      update student_courseenrollmentattribute set value = 'snape' where enrollment_id = 107`)
    const { counts } = await bring({ now: new Date('2026-11-29T00:00:00Z') })
    expect(counts['enrollment']).toEqual({ changed: 2, unchanged: 9, leftAside: 3 })
    expect((await eventsOf(db, 100)).at(-1)).toBe('2 deactivated verified 2026-11-29T00:00:00Z system lms imported')
    expect(await attributesHere(db)).toContain('107 0 credit/provider_id=snape')
  })

  test('that changed here since stay as they are, unless the LMS is preferred', async () => {
    const { db, bring, run } = await openWorld()
    await bring()
    await changeHere(db, 100, 'honor')
    await run('update student_courseenrollment set is_active = 0 where id in (100, 102)')
    const again = await bring()
    expect(again.counts['enrollment']).toEqual({ changed: 1, unchanged: 10, leftAside: 3 })
    expect(again.remarks).toContainEqual({
      table: 'student_courseenrollment',
      primaryKey: '100',
      what: 'bent',
      why: 'it was changed here since, and is kept as it is here',
    })
    expect(await stateOf(db, 100)).toBe('active honor 2')
    expect(await stateOf(db, 102)).toBe('inactive honor 2')
    await bring({ prefer: 'lms' as never })
    expect(await stateOf(db, 100)).toBe('inactive verified 3')
  })

  test('keep attributes that were changed here alone', async () => {
    const { db, bring } = await openWorld()
    await bring()
    await sql`update enrollment_attributes set value = 'mine' where enrollment_id = 107`.execute(db)
    await bring()
    expect(await attributesHere(db)).toContain('107 0 credit/provider_id=mine')
    await bring({ prefer: 'lms' as never })
    expect(await attributesHere(db)).toContain('107 0 credit/provider_id=hogwarts')
  })

  test('a dry run counts the same and writes nothing, also where accounts and course runs are to come', async () => {
    const { db, bring } = await openWorld()
    const before = await everything(db)
    const tried = await bring({ dryRun: true })
    expect(await everything(db)).toEqual(before)
    const done = await bring()
    expect(tried).toEqual({ ...done, remark: expect.anything(), count: expect.anything() })
  })

  test('a dry run into an empty database', async () => {
    const { url } = await openWorld()
    const { db } = await createTestDatabase()
    await using source = await openLmsSource(url, { snapshot: true })
    const report = listReport()
    await importEnrollments(db, source, { dryRun: true, prefer: 'here', now: NOW }, report, {
      history: true,
    })
    expect(report.counts['enrollment']).toEqual({ created: 11, leftAside: 3 })
  })

  test('without history have one event each', async () => {
    const { db, bring } = await openWorld()
    const { counts } = await bring({ history: false })
    expect(counts['enrollmentHistory']).toEqual({ created: 11 })
    expect(await eventsOf(db, 101)).toEqual([
      '1 created audit inactive 2026-01-02T03:04:05.000001Z system lms imported',
    ])
  })

  test('whose id is taken here get another, and ids that are drawn here come behind all', async () => {
    const { db, bring } = await openWorld()
    await sql`insert into enrollments (id, learner_id, course_id, mode, is_active, created, updated) overriding system value
      select 100, l.id, c.id, 'audit', true, now(), now() from learners l, courses c
      where l.username = 'blocked' and c.course_key = ${DEMO}`.execute(db)
    const { counts } = await bring()
    expect(counts['enrollment']).toEqual({ created: 11, leftAside: 3 })
    const { rows } = await sql<{ id: string }>`
      select enrollment_id as id from enrollment_lms_ids where lms_id = 100`.execute(db)
    expect(Number(rows[0]?.id)).toBeGreaterThan(113)
    const drawn = await sql<{ id: string }>`select nextval('enrollments_id_seq') as id`.execute(db)
    expect(Number(drawn.rows[0]?.id)).toBeGreaterThan(113)
  })

  test('one that was made here is joined with that of the LMS', async () => {
    const { db, bring } = await openWorld()
    await sql`insert into enrollments (learner_id, course_id, mode, is_active, created, updated)
      select l.id, c.id, 'verified', true, now(), now() from learners l, courses c
      where l.username = 'alice' and c.course_key = ${DEMO}`.execute(db)
    const { counts } = await bring()
    expect(counts['enrollment']).toEqual({ created: 10, changed: 1, leftAside: 3 })
    const { rows } = await sql`select k.agreed_version, e.version, e.created from enrollment_lms_ids k
      join enrollments e on e.id = k.enrollment_id where k.lms_id = 100`.execute(db)
    expect(rows).toEqual([{ agreed_version: 1, version: 1, created: '2026-01-02T03:04:05.678901Z' }])
  })

  test('a row that the database refuses is left aside, and costs no other', async () => {
    const { db, bring } = await openWorld()
    await sql`alter table enrollments add constraint odd check (mode <> 'professional')`.execute(db)
    const { counts, remarks } = await bring()
    expect(counts['enrollment']).toEqual({ created: 10, leftAside: 4 })
    expect(remarks.find(({ primaryKey }) => primaryKey === '112')?.why).toContain('the database refused it')
    await sql`alter table enrollments drop constraint odd`.execute(db)
    expect((await bring()).counts['enrollment']).toEqual({ created: 1, unchanged: 10, leftAside: 3 })
  })

  test('of a run or an account that comes later are taken back from where they were kept', async () => {
    const { db, bring } = await openWorld()
    await bring()
    await sql`insert into courses (course_key, org, owner) values ('course-v1:Gone+Deleted+2019', 'Gone', 'lms')`.execute(
      db,
    )
    expect((await bring()).counts['enrollment']).toEqual({ created: 1, unchanged: 11, leftAside: 2 })
    const { rows } = await sql`select from lms_rows_aside where primary_key = '104'`.execute(db)
    expect(rows).toEqual([])
  })

  test('of a release without history and attributes come over too', async () => {
    const { bring, run } = await openWorld()
    await run('drop table student_courseenrollment_history; drop table student_courseenrollmentattribute')
    expect((await bring()).counts).toEqual({
      enrollment: { created: 11, leftAside: 3 },
      enrollmentHistory: { created: 11 },
    })
  })

  test('two rows that are one enrollment here: the first comes over', async () => {
    const { bring, run } = await openWorld()
    await run(`alter table student_courseenrollment modify course_id varchar(255) character set utf8mb4 collate utf8mb4_bin not null;
      insert into student_courseenrollment (id, course_id, created, is_active, mode, user_id)
      values (200, 'course-v1:EDX+demox+2026', now(), 1, 'audit', 5)`)
    for (const expected of [
      { created: 11, leftAside: 4 },
      { unchanged: 11, leftAside: 4 },
    ]) {
      const { counts, remarks } = await bring()
      expect(counts['enrollment']).toEqual(expected)
      expect(remarks.find(({ primaryKey }) => primaryKey === '200')?.why).toBe('it is the same enrollment as 100')
    }
  })
})

async function everyEnrollment(db: Kysely<LmsDB>): Promise<string[]> {
  const { rows } = await sql<{ text: string }>`
    select concat_ws(' ', k.lms_id, e.id, l.username, c.course_key, e.mode, case when e.is_active then 'active' else 'inactive' end,
      'v' || e.version, 'agreed ' || k.agreed_version, to_char(e.created at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
      to_char(e.updated at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')) as text
    from enrollments e join learners l on l.id = e.learner_id join courses c on c.id = e.course_id
    left join enrollment_lms_ids k on k.enrollment_id = e.id order by k.lms_id`.execute(db)
  return rows.map(({ text }) => text)
}

async function eventsOf(db: Kysely<LmsDB>, lmsId: number): Promise<string[]> {
  const rows = await db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollment_lms_ids as k', 'k.enrollment_id', 'v.enrollment_id')
    .selectAll('v')
    .where('k.lms_id', '=', lmsId)
    .orderBy('v.version')
    .execute()
  return rows.map((row) =>
    [
      row.version,
      row.kind,
      row.after_mode,
      ...(row.kind === 'created' ? [row.after_is_active ? 'active' : 'inactive'] : []),
      row.at,
      row.actor_kind,
      row.actor_name,
      ...(row.reason === null ? [] : [row.reason]),
      row.is_imported ? 'imported' : 'live',
    ].join(' '),
  )
}

async function attributesHere(db: Kysely<LmsDB>): Promise<string[]> {
  const rows = await db
    .selectFrom('enrollment_attributes')
    .selectAll()
    .orderBy('enrollment_id')
    .orderBy('position')
    .execute()
  return rows.map((row) => `${row.enrollment_id} ${row.position} ${row.namespace}/${row.name}=${row.value}`)
}

async function stateOf(db: Kysely<LmsDB>, id: number): Promise<string> {
  const row = await db.selectFrom('enrollments').selectAll().where('id', '=', String(id)).executeTakeFirstOrThrow()
  return `${row.is_active ? 'active' : 'inactive'} ${row.mode} ${row.version}`
}

async function changeHere(db: Kysely<LmsDB>, id: number, mode: string): Promise<void> {
  await sql`with e as (update enrollments set mode = ${mode}, version = version + 1 where id = ${id} returning *)
    insert into enrollment_events (enrollment_id, version, kind, before_mode, before_is_active, after_mode, after_is_active,
      actor_kind, actor_name, via, at)
    select id, version, 'modeChanged', 'verified', true, mode, is_active, 'user', 'staff', 'rest', now() from e`.execute(
    db,
  )
}

async function everything(db: Kysely<LmsDB>): Promise<unknown[]> {
  const all: unknown[] = [await everyEnrollment(db), await attributesHere(db)]
  for (const table of ['enrollment_events', 'enrollment_lms_ids', 'lms_rows', 'lms_rows_aside'] as const) {
    all.push((await sql`select * from ${sql.table(table)} order by 1, 2`.execute(db)).rows)
  }
  return all
}
