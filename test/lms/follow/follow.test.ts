// slow: starts a MariaDB
import { afterAll, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'
import { DEMO, openFollowWorld, saved } from './world.ts'

describe.skipIf(!hasMariadb)('following an LMS', async () => {
  const mariadb = hasMariadb ? await openMariadb() : ({} as TestMariadb)
  afterAll(() => mariadb[Symbol.asyncDispose]?.())

  test('begins with all there is, as history', async () => {
    await using world = await openFollowWorld(mariadb)
    await using _ = world.follow()
    await world.inStep()
    expect(await world.enrollments()).toMatchInlineSnapshot(`
      [
        "Bob course-v1:edX+DemoX+2026 audit inactive",
        "alice MITx/6.002x/2012_Fall honor active",
        "alice course-v1:edX+DemoX+2026 verified active",
        "carol  course-v1:edX+NoModes+R1 no-such-mode active",
        "eve1 course-v1:edX+DemoX+2026 credit active",
        "eve2 ccx-v1:edX+DemoX+2026+ccx@3 honor active",
        "josé course-v1:edX+DemoX+2026 audit active",
        "late_id course-v1:edX+New+R1 professional active",
        "never_activated course-v1:edX+DemoX+2026 audit active",
        "retired__user_8f14e45f course-v1:edX+DemoX+2026 verified inactive",
        "李雷 course-v1:Übung+数学.101~x+2014-é honor active",
      ]
    `)
    expect(await world.events('alice')).toMatchInlineSnapshot(`
      [
        "1 created verified lms imported",
        "1 created honor lms imported",
      ]
    `)
    expect(
      (await world.db.selectFrom('lms_rows_aside').selectAll().execute()).map((r) =>
        [r.table_name, r.primary_key, r.why].join(' '),
      ),
    ).toMatchInlineSnapshot(`
      [
        "student_courseaccessrole 8 there is no account 999999",
        "course_groups_courseusergroup 5 there is no course run 'course-v1:Gone+Deleted+2019'",
        "student_courseenrollment 104 there is no course run 'course-v1:Gone+Deleted+2019'",
        "student_courseenrollment 113 there is no course run 'not a course key'",
        "student_courseenrollment 105 there is no account with the id 999999",
        "student_courseenrollmentattribute 6 its enrollment is gone",
        "student_courseenrollment_history 20000000000040008000000000000007 its enrollment is gone",
        "course_modes_coursemode 7 there is no course run 'course-v1:Gone+Deleted+2019'",
        "student_courseenrollmentallowed 5 allowance: email: 'not-an-address' is not an e-mail address",
        "course_groups_cohortmembership 4 there is no account 999999",
        "course_groups_courseusergroup_users 5 there is no course run 'course-v1:Gone+Deleted+2019'",
      ]
    `)
    expect(world.log).toMatchInlineSnapshot(`
      [
        "a row of the LMS is kept aside {"table":"student_courseaccessrole","primaryKey":"8","why":"there is no account 999999"}",
        "a row of the LMS is kept aside {"table":"course_groups_courseusergroup","primaryKey":"5","why":"there is no course run 'course-v1:Gone+Deleted+2019'"}",
        "a row of the LMS is kept aside {"table":"course_modes_coursemode","primaryKey":"7","why":"there is no course run 'course-v1:Gone+Deleted+2019'"}",
        "a row of the LMS is kept aside {"table":"student_courseenrollmentallowed","primaryKey":"5","why":"allowance: email: 'not-an-address' is not an e-mail address"}",
        "a row of the LMS is kept aside {"table":"course_groups_cohortmembership","primaryKey":"4","why":"there is no account 999999"}",
        "a row of the LMS is kept aside {"table":"course_groups_courseusergroup_users","primaryKey":"5","why":"there is no course run 'course-v1:Gone+Deleted+2019'"}",
      ]
    `)
  })
})
