import type { TestMariadb } from '../../test/support/mariadb.ts'

/** How large an LMS is. */
export interface LmsSize {
  readonly accounts: number
  /** A multiple of the accounts. */
  readonly enrollments: number
  /** Four for each enrollment, as one REST call leaves them, or none. */
  readonly history: boolean
}

/** Those of adoption.md §1. */
export const MILLION: LmsSize = { accounts: 200_000, enrollments: 1_000_000, history: true }

const COURSES = 1000

/**
 * Makes a database of an LMS with many rows, in the tables of the sample: accounts with profiles, course runs with two modes
 * each, enrollments spread over both, attributes on a tenth of them, history; and some roles, cohorts and allowances.
 *
 * @returns its URL.
 */
export async function populateLms(mariadb: TestMariadb, name: string, size: LmsSize): Promise<string> {
  const url = await mariadb.createDatabase(name, 'sample')
  const tables = await mariadb.rows<{ name: string }>(
    name,
    `select table_name as name from information_schema.tables where table_schema = '${name}'`,
  )
  await mariadb.run(name, tables.map((table) => `truncate \`${table.name}\`;`).join('\n'))
  for (const statement of statementsOf(size)) await mariadb.run(name, `${IN_BULK}; ${statement}`)
  return url
}

/** An empty table is then filled as by sorting its rows first. */
const IN_BULK = 'set unique_checks = 0, foreign_key_checks = 0'

function statementsOf({ accounts, enrollments, history }: LmsSize): string[] {
  const ofEach = enrollments / accounts
  if (!Number.isInteger(ofEach) || ofEach > COURSES) {
    throw new RangeError('enrollments: a multiple of the accounts, at most a thousand for each')
  }
  // The place of an enrollment: its account, and its number among those of the account.
  const account = `(1 + (seq - 1) div ${ofEach})`
  const course = `((seq * 7 + ((seq - 1) div ${ofEach}) * 13) mod ${COURSES})`
  const courseKey = (number: string) => `concat('course-v1:Org', ${number} mod 20, '+Course', ${number}, '+2026')`
  const created = `timestamp('2024-01-01') + interval seq * 60 second + interval (seq mod 1000000) microsecond`
  const isActive = `seq mod 10 <> 0`
  const mode = `if(seq mod 3 = 0, 'verified', 'audit')`
  return [
    `insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
      select seq, 'x', 0, concat('learner', seq), '', '', concat('learner', seq, '@example.com'), 0, seq mod 50 <> 0,
        timestamp('2023-01-01') + interval seq second from seq_1_to_${accounts}`,
    `insert into auth_userprofile (user_id, name, meta, year_of_birth, country)
      select seq, concat('Learner ', seq), '', 1950 + seq mod 60, elt(1 + seq mod 4, 'FR', 'DE', 'US', '')
      from seq_1_to_${accounts}`,
    `insert into course_overviews_courseoverview (created, modified, version, id, _location, org, display_name,
        display_number_with_default, display_org_with_default, start, invitation_only, visible_to_staff_only, self_paced)
      select now(6), now(6), 19, ${courseKey('seq')}, '', concat('Org', seq mod 20), concat('Course ', seq), '', '',
        '2024-01-01', 0, 0, seq mod 2 from seq_0_to_${COURSES - 1}`,
    `insert into course_modes_coursemode (course_id, mode_slug, mode_display_name, min_price, currency,
        expiration_datetime_is_explicit, suggested_prices)
      select ${courseKey('seq')}, slug, slug, price, 'usd', 0, ''
      from seq_0_to_${COURSES - 1}, (select 'audit' as slug, 0 as price union all select 'verified', 49) as modes`,
    `insert into student_courseenrollment (id, course_id, created, is_active, mode, user_id)
      select seq, ${courseKey(course)}, ${created}, ${isActive}, ${mode}, ${account} from seq_1_to_${enrollments}`,
    `insert into student_courseenrollmentattribute (namespace, name, value, enrollment_id)
      select 'order', 'order_number', concat('EDX-', seq), seq * 10 from seq_1_to_${Math.floor(enrollments / 10)}`,
    ...(history ? [historyOf(enrollments, { account, courseKey: courseKey(course), created, isActive, mode })] : []),
    `insert into student_courseaccessrole (user_id, org, course_id, role)
      select 1 + seq mod ${accounts}, concat('Org', seq mod 20), ${courseKey('seq')}, 'staff' from seq_0_to_${COURSES - 1}`,
    `insert into course_groups_courseusergroup (id, name, course_id, group_type)
      select seq + 1, 'Default Group', ${courseKey('seq')}, 'cohort' from seq_0_to_${COURSES - 1}`,
    `insert into student_courseenrollmentallowed (email, course_id, auto_enroll, created, user_id)
      select concat('invited', seq, '@example.com'), ${courseKey(`(seq mod ${COURSES})`)}, 1, now(6), null
      from seq_1_to_${Math.ceil(accounts / 20)}`,
  ]
}

/** Inactive in the default mode, active, the mode, the same again; the inactive ones are left a month later. */
function historyOf(
  enrollments: number,
  row: Readonly<Record<'account' | 'courseKey' | 'created' | 'isActive' | 'mode', string>>,
): string {
  const at = `${row.created} + interval step * 10000 microsecond
    + interval if(step = 4 and not (${row.isActive}), 30, 0) day`
  return `insert into student_courseenrollment_history (id, created, is_active, mode, history_id, history_date, history_type,
      course_id, history_user_id, user_id)
    select seq, ${row.created}, if(step = 1, 0, step < 4 or ${row.isActive}), if(step < 3, 'audit', ${row.mode}),
      md5(concat(seq, ' ', step)), ${at}, if(step = 1, '+', '~'), ${row.courseKey}, ${row.account}, ${row.account}
    from seq_1_to_${enrollments}, (select 1 as step union all select 2 union all select 3 union all select 4) as steps`
}
