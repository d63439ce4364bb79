// slow: starts a MariaDB
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { applyAndMove, NotMine } from '../../../lms/follow/enrollments/apply.ts'
import { openLmsSource, type LmsSource } from '../../../lms/source/source.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'
import { openFollowWorld, saved, type FollowWorld } from './world.ts'

describe.skipIf(!hasMariadb)('applying enrollments of an LMS', () => {
  let mariadb: TestMariadb
  let world: FollowWorld
  let source: LmsSource
  beforeAll(async () => {
    mariadb = await openMariadb()
    world = await openFollowWorld(mariadb)
    await using _ = world.follow()
    await world.inStep()
    source = await openLmsSource(world.url)
  }, 120_000)
  afterAll(async () => {
    await source[Symbol.asyncDispose]()
    await world[Symbol.asyncDispose]()
    await mariadb[Symbol.asyncDispose]()
  })

  const modeOf = async (id: number) => {
    const { rows } = await sql<{ mode: string }>`
      select e.mode from enrollments e join enrollment_lms_ids k on k.enrollment_id = e.id where k.lms_id = ${id}`.execute(
      world.db,
    )
    return rows[0]?.mode
  }

  /** The source of a process that stands still once, right after it has read enrollments. */
  const standingStill = (meanwhile: () => Promise<unknown>): LmsSource => {
    let hasStood = false
    return {
      ...source,
      async query(statement, values) {
        const rows = await source.query(statement, values)
        if (!hasStood && statement.includes('from student_courseenrollment where id in')) {
          hasStood = true
          await meanwhile()
        }
        return rows as never
      },
    }
  }

  test('a process that stood still does not bring back what was before', async () => {
    await world.run(saved({ id: 100, userId: 5, mode: 'honor', isActive: true }))
    const slow = standingStill(async () => {
      await world.run(saved({ id: 100, userId: 5, mode: 'audit', isActive: true }))
      await applyAndMove({ db: world.db, source }, [100], {})
      expect(await modeOf(100)).toBe('audit')
    })
    await applyAndMove({ db: world.db, source: slow }, [100], {})
    expect(await modeOf(100)).toBe('audit')
    expect(await world.events('alice')).not.toContainEqual(expect.stringContaining('honor lms$'))
  })

  test('while another process applies, nothing is done', async () => {
    await world.db.transaction().execute(async (trx) => {
      await sql`select from lms_streams where name = 'enrollments' for update`.execute(trx)
      await expect(applyAndMove({ db: world.db, source }, [100], {})).rejects.toThrow(NotMine)
    })
    await applyAndMove({ db: world.db, source }, [100], {})
  })

  test('a row that the database refuses is kept aside with its reason, and costs no other', async () => {
    await sql`alter table enrollments add constraint no_such_mode check (mode <> 'forbidden')`.execute(world.db)
    await world.run(
      saved({ id: 100, userId: 5, mode: 'honor', isActive: true }) +
        saved({ id: 101, userId: 6, mode: 'forbidden', isActive: true }) +
        saved({ id: 103, userId: 9, mode: 'honor', isActive: true }),
    )
    const { waiting } = await applyAndMove({ db: world.db, source }, [100, 101, 103], {})
    expect(waiting).toEqual([{ id: 101, why: expect.stringContaining('no_such_mode') }])
    expect([await modeOf(100), await modeOf(101), await modeOf(103)]).toEqual(['honor', 'audit', 'honor'])
    const aside = () =>
      world.db
        .selectFrom('lms_rows_aside')
        .select('why')
        .where('table_name', '=', 'student_courseenrollment')
        .where('primary_key', '=', '101')
        .execute()
    expect(await aside()).toEqual([{ why: expect.stringContaining('the database refused it: ') }])
    await sql`alter table enrollments drop constraint no_such_mode`.execute(world.db)
    await applyAndMove({ db: world.db, source, isTriedAgain: true }, [101], {})
    expect(await modeOf(101)).toBe('forbidden')
    expect(await aside()).toEqual([])
  })
})
