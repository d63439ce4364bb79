// slow: starts a MariaDB
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'
import { DEMO, openFollowWorld, saved, type FollowWorld } from './world.ts'

describe.skipIf(!hasMariadb)('what is followed of an LMS', () => {
  let mariadb: TestMariadb
  let world: FollowWorld
  let following: AsyncDisposable
  beforeAll(async () => {
    mariadb = await openMariadb()
    world = await openFollowWorld(mariadb)
    following = world.follow()
    await world.inStep()
  }, 120_000)
  afterAll(async () => {
    await following[Symbol.asyncDispose]()
    await world[Symbol.asyncDispose]()
    await mariadb[Symbol.asyncDispose]()
  })

  /** Changes something in the LMS, and waits until a query here gives what it should. */
  const isFollowed = async (change: string, query: string, expected: unknown[]) => {
    await world.run(change)
    await eventually(async () => expect(await here(query)).toEqual(expected), 50)
    return true
  }
  const here = async (query: string) => {
    const { rows } = await sql.raw<Record<string, unknown>>(query).execute(world.db)
    return rows.map((row) => Object.values(row).join(' '))
  }

  test('where nothing was imported, it begins with all there is, as history', async () => {
    expect(await world.enrollments()).toHaveLength(11)
    expect(await world.events('alice')).toEqual(['1 created verified lms imported', '1 created honor lms imported'])
    expect(await here(`select distinct owner from courses`)).toEqual(['lms'])
  })

  // Each changes what no other of them does, and waits until it is looked for: all in the same looks.
  describe.concurrent('accounts, course runs and all around them:', () => {
    test('a new account, with its id', async () =>
      expect(
        await isFollowed(
          `insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
          values (700, 'x', 0, 'newcomer', '', '', 'New@Example.com', 0, 1, utc_timestamp(6))`,
          `select user_id, is_id_of_lms, email from learners where username = 'newcomer'`,
          ['700 true New@Example.com'],
        ),
      ).toBe(true))

    test('a new username, another address, rights, and a profile', async () => {
      expect(
        await isFollowed(
          `update auth_user set username = 'bobby', email = 'bobby@example.com', is_staff = 1 where id = 6;
          update auth_userprofile set name = 'Bobby B', country = 'NL' where user_id = 6`,
          `select username, email, is_staff, name, country from learners where user_id = 6`,
          ['bobby bobby@example.com true Bobby B NL'],
        ),
      ).toBe(true)
      expect(await here(`select count(*) from learners where username = 'Bob'`)).toEqual(['0'])
    })

    test('addresses that two accounts have exchanged', async () =>
      expect(
        await isFollowed(
          `update auth_user set email = 'swap@example.com' where id = 5; update auth_user set email = 'alice@example.com' where id = 9;
          update auth_user set email = 'jose@example.com' where id = 5`,
          `select username, email from learners where user_id in (5, 9) order by user_id`,
          ['alice jose@example.com', 'josé alice@example.com'],
        ),
      ).toBe(true))

    test('an account that staff has disabled', async () =>
      expect(
        await isFollowed(
          `insert into student_userstanding (user_id, account_status, changed_by_id, standing_last_changed_at)
          values (9, 'disabled', 1, utc_timestamp(6))`,
          `select is_disabled from learners where user_id = 9`,
          ['true'],
        ),
      ).toBe(true))

    test('a new course run, which the LMS owns, with its modes', async () => {
      expect(
        await isFollowed(
          `insert into course_overviews_courseoverview (created, modified, version, id, _location, org, display_name,
            display_number_with_default, display_org_with_default, invitation_only, visible_to_staff_only, self_paced)
          values (now(), now(), 19, 'course-v1:edX+Followed+R1', '', 'edX', 'Followed', '', '', 0, 0, 0);
          insert into course_modes_coursemode (course_id, mode_slug, mode_display_name, min_price, currency,
            expiration_datetime_is_explicit, suggested_prices) values ('course-v1:edX+Followed+R1', 'verified', 'V', 49, 'usd', 0, '')`,
          `select c.display_name, c.owner, m.slug, m.min_price from courses c join course_modes m on m.course_id = c.id
          where c.course_key = 'course-v1:edX+Followed+R1'`,
          ['Followed lms verified 49'],
        ),
      ).toBe(true)
      expect(
        await isFollowed(
          `update course_overviews_courseoverview set display_name = 'Followed again' where id = 'course-v1:edX+Followed+R1';
          update course_modes_coursemode set min_price = 50 where course_id = 'course-v1:edX+Followed+R1'`,
          `select c.display_name, m.min_price from courses c join course_modes m on m.course_id = c.id
          where c.course_key = 'course-v1:edX+Followed+R1'`,
          ['Followed again 50'],
        ),
      ).toBe(true)
    })

    test('a role that is given, and taken away', async () => {
      const roles = `select r.role from roles r join learners l on l.id = r.learner_id where l.user_id = 16 order by r.role`
      const insert = `insert into student_courseaccessrole (user_id, org, course_id, role) values (16, 'edX', '${DEMO}', 'staff')`
      expect(await isFollowed(insert, roles, ['ccx_coach', 'staff'])).toBe(true)
      expect(
        await isFollowed(`delete from student_courseaccessrole where user_id = 16 and role = 'staff'`, roles, [
          'ccx_coach',
        ]),
      ).toBe(true)
    })

    test('a cohort that is renamed, and somebody who comes into it', async () =>
      expect(
        await isFollowed(
          `update course_groups_courseusergroup set name = 'Renamed' where id = 1;
          insert into course_groups_cohortmembership (course_id, course_user_group_id, user_id) values ('${DEMO}', 1, 15);
          insert into course_groups_courseusergroup_users (courseusergroup_id, user_id) values (1, 15)`,
          `select h.name, l.username from cohort_members m join cohorts h on h.id = m.cohort_id join learners l on l.id = m.learner_id
          where l.user_id in (5, 15) and m.course_id = (select id from courses where course_key = '${DEMO}') order by l.user_id`,
          ['Renamed alice', 'Renamed eve1'],
        ),
      ).toBe(true))

    test('an allowance that is made, and taken back', async () => {
      const allowances = `select auto_enroll from enrollment_allowances where email = 'invited@example.com'`
      const insert = `insert into student_courseenrollmentallowed (email, course_id, auto_enroll, created)
        values ('invited@example.com', '${DEMO}', 0, utc_timestamp(6))`
      expect(await isFollowed(insert, allowances, ['false'])).toBe(true)
      expect(
        await isFollowed(
          `delete from student_courseenrollmentallowed where email = 'invited@example.com'`,
          allowances,
          [],
        ),
      ).toBe(true)
    })

    test('a retirement', async () =>
      expect(
        await isFollowed(
          `insert into user_api_userretirementstatus (created, modified, user_id, original_username, original_email, original_name,
            retired_username, retired_email, current_state_id, last_state_id, responses)
          values (now(), now(), 31, 'alice@example.com', 'other@example.com', '', 'r', 'r', 1, 1, '')`,
          `select r.state from retirements r join learners l on l.id = r.learner_id where l.user_id = 31`,
          ['PENDING'],
        ),
      ).toBe(true))

    test('what was changed here since stays', async () => {
      await sql`update learners set name = 'As we call him' where user_id = 10`.execute(world.db)
      expect(
        await isFollowed(
          `update auth_userprofile set name = 'As they call him' where user_id = 10;
          update auth_userprofile set name = 'Carol C' where user_id = 22`,
          `select name from learners where user_id in (10, 22) order by user_id`,
          ['As we call him', 'Carol C'],
        ),
      ).toBe(true)
    })

    test('a role whose account comes later, when it comes', async () => {
      await world.run(
        `insert into student_courseaccessrole (user_id, org, course_id, role) values (710, 'edX', '${DEMO}', 'beta_testers')`,
      )
      const aside = `select why from lms_rows_aside where table_name = 'student_courseaccessrole' and content->>'user_id' = '710'`
      await eventually(async () => expect(await here(aside)).toHaveLength(1), 50)
      expect(
        await isFollowed(
          `insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
          values (710, 'x', 0, 'late', '', '', 'late10@example.com', 0, 1, utc_timestamp(6))`,
          `select r.role from roles r join learners l on l.id = r.learner_id where l.user_id = 710`,
          ['beta_testers'],
        ),
      ).toBe(true)
      await eventually(async () => expect(await here(aside)).toEqual([]), 50)
    })
  })

  describe('enrollments:', () => {
    const ofAlice = `select e.mode, e.is_active from enrollments e join learners l on l.id = e.learner_id
      join courses c on c.id = e.course_id where l.user_id = 5 and c.course_key = '${DEMO}'`
    const eventsOf = (id: number) =>
      here(`select v.version, v.kind, v.after_mode, v.actor_name, v.is_imported, v.via
      from enrollment_events v where v.enrollment_id = (select enrollment_id from enrollment_lms_ids where lms_id = ${id})
      order by v.version`)

    test('a new one is one event, however much noise the LMS makes of it', async () => {
      const save = (mode: string, isActive: boolean, type = '~') =>
        saved({ id: 800, userId: 15, mode, isActive, courseId: 'course-v1:edX+New+R1' }, { actor: 5, type })
      expect(
        await isFollowed(
          save('audit', false, '+') + save('audit', true) + save('verified', true) + save('verified', true),
          `select e.mode, e.is_active, e.id from enrollments e join enrollment_lms_ids k on k.enrollment_id = e.id where k.lms_id = 800`,
          ['verified true 800'],
        ),
      ).toBe(true)
      expect(await eventsOf(800)).toEqual(['1 created verified alice false cli'])
    })

    test('a change of mode and a deactivation, with their actors', async () => {
      expect(
        await isFollowed(saved({ id: 100, userId: 5, mode: 'honor', isActive: true }, { actor: 1 }), ofAlice, [
          'honor true',
        ]),
      ).toBe(true)
      expect(
        await isFollowed(saved({ id: 100, userId: 5, mode: 'honor', isActive: false }), ofAlice, ['honor false']),
      ).toBe(true)
      expect(await eventsOf(100)).toEqual([
        '1 created verified lms true cli',
        '2 modeChanged honor edx false cli',
        '3 deactivated honor lms false cli',
      ])
    })

    test('the present row counts, whatever the history says', async () => {
      expect(
        await isFollowed(
          `${saved({ id: 100, userId: 5, mode: 'audit', isActive: true })}
          update student_courseenrollment set mode = 'verified' where id = 100`,
          ofAlice,
          ['verified true'],
        ),
      ).toBe(true)
    })

    test('attributes that come with it', async () =>
      expect(
        await isFollowed(
          `insert into student_courseenrollmentattribute (enrollment_id, namespace, name, value) values (100, 'credit', 'provider_id', 'x');
          ${saved({ id: 100, userId: 5, mode: 'credit', isActive: true })}`,
          `select a.value from enrollment_attributes a join enrollment_lms_ids k using (enrollment_id)
          where k.lms_id = 100 and a.name = 'provider_id'`,
          ['x'],
        ),
      ).toBe(true))

    test('one without any history, by its id', async () =>
      expect(
        await isFollowed(
          `insert into student_courseenrollment (id, user_id, course_id, created, is_active, mode)
          values (805, 16, 'course-v1:edX+New+R1', utc_timestamp(6), 1, 'audit')`,
          `select e.mode from enrollments e join enrollment_lms_ids k on k.enrollment_id = e.id where k.lms_id = 805`,
          ['audit'],
        ),
      ).toBe(true))

    test('one whose account and course run come later, when they have come; others do not wait for it', async () => {
      const waiting = { id: 810, userId: 720, mode: 'audit', isActive: true, courseId: 'course-v1:edX+Later+R1' }
      expect(
        await isFollowed(
          saved(waiting, { type: '+' }) + saved({ id: 100, userId: 5, mode: 'audit', isActive: true }),
          ofAlice,
          ['audit true'],
        ),
      ).toBe(true)
      const aside = `select why from lms_rows_aside where table_name = 'student_courseenrollment' and primary_key = '810'`
      expect(await here(aside)).toHaveLength(1)
      expect(
        await isFollowed(
          `insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
            values (720, 'x', 0, 'later', '', '', 'later@example.com', 0, 1, utc_timestamp(6));
          insert into course_overviews_courseoverview (created, modified, version, id, _location, org, display_name,
            display_number_with_default, display_org_with_default, invitation_only, visible_to_staff_only, self_paced)
          values (now(), now(), 19, 'course-v1:edX+Later+R1', '', 'edX', 'Later', '', '', 0, 0, 0)`,
          `select e.mode from enrollments e join enrollment_lms_ids k on k.enrollment_id = e.id where k.lms_id = 810`,
          ['audit'],
        ),
      ).toBe(true)
      await eventually(async () => expect(await here(aside)).toEqual([]), 50)
    })

    test('one that is gone from the LMS becomes inactive', async () =>
      expect(
        await isFollowed(
          `delete from student_courseenrollment where id = 805;
          insert into student_courseenrollment_history (id, user_id, course_id, created, is_active, mode, history_id, history_date,
            history_type) values (805, 16, 'course-v1:edX+New+R1', now(), 1, 'audit', '805', utc_timestamp(6), '-')`,
          `select e.mode, e.is_active from enrollments e join enrollment_lms_ids k on k.enrollment_id = e.id where k.lms_id = 805`,
          ['audit false'],
        ),
      ).toBe(true))

    test('those of course runs that are owned here are left alone', async () => {
      await sql`update courses set owner = 'here' where course_key = 'ccx-v1:edX+DemoX+2026+ccx@3'`.execute(world.db)
      expect(
        await isFollowed(
          saved({ id: 108, userId: 16, mode: 'honor', isActive: false, courseId: 'ccx-v1:edX+DemoX+2026+ccx@3' }) +
            saved({ id: 100, userId: 5, mode: 'honor', isActive: true }),
          ofAlice,
          ['honor true'],
        ),
      ).toBe(true)
      expect(await eventsOf(108)).toHaveLength(1)
      await sql`update courses set owner = 'lms' where course_key = 'ccx-v1:edX+DemoX+2026+ccx@3'`.execute(world.db)
    })

    test('what leaves no trace is found by the comparison of the night', async () => {
      const lastCompared = (at: string) =>
        sql`update lms_streams set position = jsonb_set(position, '{done}', to_jsonb(${at}::text)) where name = 'comparison'`.execute(
          world.db,
        )
      // Should a night begin right now.
      await lastCompared('2999-01-01T00:00:00Z')
      await world.run(`update student_courseenrollment set mode = 'masters' where id = 103`)
      expect(
        await isFollowed(saved({ id: 100, userId: 5, mode: 'audit', isActive: true }), ofAlice, ['audit true']),
      ).toBe(true)
      const mode = `select e.mode from enrollments e join enrollment_lms_ids k on k.enrollment_id = e.id where k.lms_id = 103`
      expect(await here(mode)).toEqual(['audit'])
      await lastCompared('2020-01-01T00:00:00Z')
      await eventually(async () => expect(await here(mode)).toEqual(['masters']), 50)
    })

    test('events have no gaps, and what agrees on both sides says so', async () => {
      expect(
        await here(`select e.id from enrollments e join enrollment_events v on v.enrollment_id = e.id
          group by e.id, e.version having count(*) <> e.version or max(v.version) <> e.version`),
      ).toEqual([])
      expect(
        await here(`select e.id from enrollments e join enrollment_lms_ids k on k.enrollment_id = e.id
          join courses c on c.id = e.course_id where k.agreed_version <> e.version and c.owner = 'lms' and k.lms_id <> 108`),
      ).toEqual([])
    })
  })
})
