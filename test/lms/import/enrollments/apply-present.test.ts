// slow: starts a MariaDB
import { sql } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { applyPresentRows } from '../../../../lms/import/enrollments/apply-present.ts'
import { openLmsSource } from '../../../../lms/source/source.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../../support/mariadb.ts'
import { bringAccountsAndRuns } from '../../support/accounts-and-runs.ts'

const DEMO = 'course-v1:edX+DemoX+2026'
const NOW = new Date('2026-11-29T12:00:00Z')

describe.skipIf(!hasMariadb)('present rows of an LMS', async () => {
  const mariadb = hasMariadb ? await openMariadb() : ({} as TestMariadb)
  afterAll(() => mariadb[Symbol.asyncDispose]?.())
  let databases = 0

  async function openWorld() {
    databases += 1
    const lms = `edxapp${databases}`
    const source = await openLmsSource(await mariadb.createDatabase(lms))
    const { db } = await createTestDatabase()
    await bringAccountsAndRuns(db, source)
    const events = async () => {
      const { rows } = await sql<{ text: string }>`
        select concat_ws(' ', k.lms_id, v.version, v.kind, v.after_mode, v.after_is_active, v.at at time zone 'UTC', v.actor_kind,
          v.actor_name, v.via, v.is_imported, k.agreed_version) as text
        from enrollment_events v join enrollment_lms_ids k using (enrollment_id) order by v.transaction_id, v.id`.execute(
        db,
      )
      return rows.map(({ text }) => text)
    }
    return { db, source, events, run: (statements: string) => mariadb.run(lms, statements) }
  }

  test('become live changes, by whoever changed them last', async () => {
    const { db, source, events, run } = await openWorld()
    await using _ = source
    expect(await applyPresentRows(db, source, { ids: [100, 101] }, { now: NOW })).toEqual({
      changed: [100, 101],
      unchanged: [],
      notOwned: [],
      waiting: [],
    })
    await run(`update student_courseenrollment set is_active = 1 where id = 101;
      update student_courseenrollment set mode = 'honor' where id = 100;
      insert into student_courseenrollment_history (id, created, is_active, mode, history_id, history_date, history_type, history_user_id)
      values (101, now(), 1, 'audit', 'aa', '2026-11-29 11:59:59.000001', '~', 5)`)
    await applyPresentRows(db, source, { ids: [100, 101] }, { now: NOW })
    expect(await events()).toEqual([
      '100 1 created verified t 2026-01-02 03:04:05.7 user edx cli f 2',
      '101 1 created audit f 2026-05-01 00:00:00 user edx cli f 2',
      '100 2 modeChanged honor t 2026-11-29 12:00:00 system lms cli f 2',
      '101 2 reactivated audit t 2026-11-29 11:59:59.000001 user alice cli f 2',
    ])
  })

  test('that are here already change nothing, also by pair', async () => {
    const { db, source, events } = await openWorld()
    await using _ = source
    await applyPresentRows(db, source, { ids: [100] })
    const before = await events()
    const pairs = [
      { userId: 5, courseText: DEMO },
      { userId: 5, courseText: 'course-v1:No+Such+Run' },
    ]
    expect(await applyPresentRows(db, source, { pairs })).toMatchObject({ changed: [], unchanged: [100] })
    expect(await events()).toEqual(before)
  })

  test('of course runs that are owned here are left alone', async () => {
    const { db, source, events } = await openWorld()
    await using _ = source
    await db.updateTable('courses').set({ owner: 'here' }).where('course_key', '=', DEMO).execute()
    expect(await applyPresentRows(db, source, { ids: [100, 102] })).toMatchObject({ changed: [102], notOwned: [100] })
    expect(await events()).toHaveLength(1)
  })

  test('wait for their account and their course run', async () => {
    const { db, source } = await openWorld()
    await using _ = source
    expect(await applyPresentRows(db, source, { ids: [104, 105, 106, 4711] })).toEqual({
      changed: [106],
      unchanged: [],
      notOwned: [],
      waiting: [
        { id: 104, why: "there is no course run 'course-v1:Gone+Deleted+2019'" },
        { id: 105, why: 'there is no account with the id 999999' },
      ],
    })
    const aside = await sql`select from lms_rows_aside`.execute(db)
    expect(aside.rows).toEqual([])
  })

  test('are one change, however many apply them at once', async () => {
    const { db, source, events } = await openWorld()
    await using _ = source
    await Promise.all(
      Array.from({ length: 8 }, () => applyPresentRows(db, source, { ids: [100, 101, 102, 103, 108, 109] })),
    )
    expect(await events()).toHaveLength(6)
  })
})
