// long: starts MariaDB and servers, and kills them
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'
import { connectionsEnded, SECRETS, startServer } from '../../support/server-process.ts'
import { DEMO, openFollowWorld, saved, type FollowWorld } from './world.ts'

describe.skipIf(!hasMariadb)('following an LMS', () => {
  let mariadb: TestMariadb
  beforeAll(async () => void (mariadb = await openMariadb()), 120_000)
  afterAll(() => mariadb[Symbol.asyncDispose]())

  /** Learners with an enrollment each, which changes its mode whenever it is asked to. */
  const prepare = async ({ run }: FollowWorld, count: number) => {
    const values = Array.from(
      { length: count },
      (_, n) => `(${1000 + n}, 'x', 0, 'many${n}', '', '', 'many${n}@example.com', 0, 1, utc_timestamp(6))`,
    )
    await run(`insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
      values ${values.join(',')}`)
  }
  const MODES = ['audit', 'honor', 'verified']
  const change = (n: number, round: number) =>
    saved({ id: 5000 + n, userId: 1000 + n, mode: MODES[round % 3] ?? '', isActive: round % 5 !== 4 })

  /** What differs between both sides in enrollments, and events that are not as they should be. */
  const differences = async ({ db, lms }: FollowWorld) => {
    const there = await mariadb.rows<{ id: number; mode: string; is_active: number }>(
      lms,
      'select id, mode, is_active from student_courseenrollment where id >= 5000 order by id',
    )
    const { rows: here } = await sql<{ id: number; mode: string; is_active: number }>`
      select k.lms_id as id, e.mode, e.is_active::integer as is_active from enrollments e
      join enrollment_lms_ids k on k.enrollment_id = e.id where k.lms_id >= 5000 order by k.lms_id`.execute(db)
    const { rows: broken } = await sql<{ id: string }>`
      select e.id from enrollments e join enrollment_events v on v.enrollment_id = e.id
      group by e.id, e.version, e.mode, e.is_active
      having count(*) <> e.version or max(v.version) <> e.version
        or (array_agg(v.after_mode order by v.version desc))[1] <> e.mode
        or (array_agg(v.after_is_active order by v.version desc))[1] <> e.is_active`.execute(db)
    const known = new Map(here.map((row) => [row.id, row]))
    return {
      missing: there.filter(({ id }) => !known.has(id)).length,
      different: there.filter(({ id, mode, is_active }) => {
        const row = known.get(id)
        return row !== undefined && (row.mode !== mode || row.is_active !== is_active)
      }).length,
      broken: broken.length,
    }
  }
  const AGREED = { missing: 0, different: 0, broken: 0 }

  test('any number of processes do it, one at a time for each stream, and each change is one event', async () => {
    await using world = await openFollowWorld(mariadb)
    await prepare(world, 20)
    const processes = [world.follow(), world.follow(), world.follow()]
    await world.inStep()
    for (let n = 0; n < 20; n += 1) await world.run(change(n, 0))
    await eventually(async () => expect(await differences(world)).toEqual(AGREED), 50)
    // Those who stop give way at once.
    await processes.shift()?.[Symbol.asyncDispose]()
    for (let n = 0; n < 20; n += 1) await world.run(change(n, 1))
    await eventually(async () => expect(await differences(world)).toEqual(AGREED), 50)
    for (const process of processes) await process[Symbol.asyncDispose]()
    const { rows } = await sql<{ versions: number }>`
      select max(version)::integer as versions from enrollments e join enrollment_lms_ids k on k.enrollment_id = e.id
      where k.lms_id >= 5000`.execute(world.db)
    expect(rows).toEqual([{ versions: 2 }])
    expect(world.log.filter((line) => line.includes('failed'))).toEqual([])
  })

  test('what commits late is seen all the same, and a clock that is ahead hides nothing', async () => {
    await using world = await openFollowWorld(mariadb)
    await prepare(world, 4)
    await using _ = world.follow()
    await world.inStep()
    await world.run(change(0, 0) + change(1, 0) + change(2, 0))
    await eventually(async () => expect(await differences(world)).toEqual(AGREED), 50)
    const at = (n: number, instant: string) =>
      saved({ id: 5000 + n, userId: 1000 + n, mode: 'honor', isActive: true }, { at: instant })
    // An hour ahead, then one of now, then one that began four minutes ago.
    for (const [n, instant] of ['interval 1 hour', 'interval 0 hour', 'interval -4 minute'].entries()) {
      await world.run(at(n, `utc_timestamp(6) + ${instant}`))
      await eventually(async () => expect(await differences(world)).toEqual(AGREED), 50)
    }
  })

  test('however many changes have one instant, none is left out', async () => {
    await using world = await openFollowWorld(mariadb)
    await prepare(world, 10)
    await using _ = world.follow()
    await world.inStep()
    for (let n = 0; n < 10; n += 1) await world.run(change(n, 0))
    await eventually(async () => expect(await differences(world)).toEqual(AGREED), 50)
    // More than a page of the history; the one change that matters is the last of them.
    const rows = Array.from({ length: 12_000 }, (_unused, n) => {
      const id = n === 11_999 ? 5009 : 5000 + (n % 9)
      const historyId = n.toString(16).padStart(32, '0').replace(/^0/, 'a')
      return `(${id}, ${id - 4000}, '${DEMO}', now(), 1, 'audit', '${historyId}', @instant, '~')`
    })
    await world.run(`set @instant = utc_timestamp(6); start transaction;
      update student_courseenrollment set mode = 'masters' where id = 5009;
      insert into student_courseenrollment_history (id, user_id, course_id, created, is_active, mode, history_id, history_date,
        history_type) values ${rows.join(',')}; commit`)
    await eventually(async () => expect(await differences(world)).toEqual(AGREED), 50)
  })

  test('what happened before following began is found by its first comparison', async () => {
    await using world = await openFollowWorld(mariadb)
    await prepare(world, 3)
    {
      await using _ = world.follow()
      await world.inStep()
    }
    await sql`delete from lms_streams`.execute(world.db)
    await world.run(change(0, 0) + change(1, 0))
    await world.run(`update student_courseenrollment_history set history_date = '2020-01-01';
      update student_courseenrollment set mode = 'masters' where id = 100; delete from student_courseenrollment where id = 102`)
    await using _ = world.follow()
    await world.inStep()
    expect(await differences(world)).toEqual(AGREED)
    expect(await world.enrollments()).toEqual(
      expect.arrayContaining([`alice ${DEMO} masters active`, 'alice MITx/6.002x/2012_Fall honor inactive']),
    )
  })

  test('an LMS that is away is seen, waited for, and caught up with', async () => {
    await using world = await openFollowWorld(mariadb)
    await prepare(world, 5)
    await using _ = world.follow()
    await world.inStep()
    await mariadb.kill()
    const errors = async () => {
      const { rows } = await sql<{ name: string }>`select name from lms_streams where last_error is not null`.execute(
        world.db,
      )
      return rows.length
    }
    await eventually(async () => expect(await errors()).toBeGreaterThan(5), 50)
    await mariadb.start()
    for (let n = 0; n < 5; n += 1) await world.run(change(n, 0))
    await eventually(async () => expect(await differences(world)).toEqual(AGREED), 50)
    await eventually(async () => expect(await errors()).toBe(0), 50)
  })

  test('an LMS that is frozen costs the rest of the server nothing, and nothing is lost', async () => {
    await using world = await openFollowWorld(mariadb)
    await prepare(world, 5)
    const server = startServer({
      ...{ DATABASE_URL: world.connectionString, LMS_DATABASE_URL: world.url, LMS_FOLLOW: 'on', ...SECRETS },
      ...{ LOG_LEVEL: 'info', WEAK_SECRETS: 'allow', DATABASE_POOL_SIZE: '1' },
    })
    const { url } = await server.ready
    await world.inStep()
    mariadb.signal('SIGSTOP')
    try {
      for (let round = 0; round < 20; round += 1) {
        const began = performance.now()
        const answer = await fetch(`${url}/api/enrollment/v1/course/${encodeURIComponent(DEMO)}`)
        expect(answer.status).toBe(200)
        expect(performance.now() - began).toBeLessThan(2_000)
        await sleep(200)
      }
      const ready = (await (await fetch(`${url}/readyz`)).json()) as { status: string; consumers: { name: string }[] }
      expect(ready).toMatchObject({ status: 'ok' })
      expect(ready.consumers.find(({ name }) => name === 'lms-enrollments')).toMatchObject({
        lagSeconds: expect.toSatisfy((lag: number) => lag > 3),
      })
    } finally {
      mariadb.signal('SIGCONT')
    }
    for (let n = 0; n < 5; n += 1) await world.run(change(n, 0))
    await eventually(async () => expect(await differences(world)).toEqual(AGREED), 50)
  })

  test('a server that is killed again and again loses nothing, and tells nothing twice', async () => {
    await using world = await openFollowWorld(mariadb)
    await prepare(world, 40)
    const start = (round: number) => {
      const url = new URL(world.connectionString)
      url.searchParams.set('application_name', `follower${round}`)
      return startServer({
        ...{ DATABASE_URL: url.href, LMS_DATABASE_URL: world.url, LMS_FOLLOW: 'on', ...SECRETS },
        ...{ LOG_LEVEL: 'silent', WEAK_SECRETS: 'allow' },
      })
    }
    let isOver = false
    const writing = (async () => {
      for (let round = 0; !isOver; round += 1) {
        const some = Array.from({ length: 8 }, (_unused, n) => change((round * 8 + n) % 40, Math.floor(round / 5)))
        await world.run(some.join(''))
      }
    })()
    for (let round = 0; round < 5; round += 1) {
      const server = start(round)
      await server.ready
      await sleep(1_500 + round * 400)
      server.child.kill('SIGKILL')
      await server.exit
      await connectionsEnded(world.db, `follower${round}`)
    }
    isOver = true
    await writing
    start(9)
    await eventually(async () => expect(await differences(world)).toEqual(AGREED), 200)
    const { rows: same } = await sql`
      select from enrollment_events where before_mode = after_mode and before_is_active = after_is_active`.execute(
      world.db,
    )
    expect(same).toEqual([])
  })
})
