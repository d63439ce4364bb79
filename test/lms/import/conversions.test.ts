import { describe, expect, test } from 'vitest'
import { courseKeys } from '../../../lms/import/course-keys.ts'
import { convertAccount } from '../../../lms/import/subjects/accounts.ts'
import { convertCohortUser } from '../../../lms/import/subjects/cohort-members.ts'
import { convertCourse } from '../../../lms/import/subjects/courses.ts'
import { convertLink } from '../../../lms/import/subjects/customer-links.ts'
import { convertAdmin } from '../../../lms/import/subjects/customers.ts'
import { convertAddresses } from '../../../lms/import/subjects/embargo.ts'
import { convertFulfilment } from '../../../lms/import/subjects/fulfilments.ts'
import { convertMode } from '../../../lms/import/subjects/modes.ts'
import { convertRole } from '../../../lms/import/subjects/roles.ts'
import { instantOf, uuidOf } from '../../../lms/import/values.ts'

const courses = courseKeys(['course-v1:edX+DemoX+2026'])
const person = { id: 5, username: 'alice', email: 'alice@example.com', profile: 5, name: 'Alice' }

describe('accounts', () => {
  test.each([
    [{ email: '' }, { email: null }, []],
    [{ email: 'no address' }, { email: null }, [expect.stringContaining('is not an e-mail address')]],
    [{ country: 'es' }, { country: 'ES' }, []],
    [{ country: '' }, { country: null }, []],
    [{ country: '1!' }, { country: null }, [expect.stringContaining('is not a country')]],
    [{ year_of_birth: 0 }, { yearOfBirth: null }, [expect.stringContaining('0 is not a year')]],
    [{ date_joined: '0000-00-00 00:00:00.000000' }, { id: 5 }, []],
    [{ date_joined: '2019-05-06 07:08:09.123456' }, { created: '2019-05-06T07:08:09.123456Z' }, []],
    [{ standing: 'disabled' }, { isDisabled: true }, []],
    [{ profile: null, name: null }, { name: '' }, [expect.stringContaining('no profile')]],
    [{ username: 'carol ' }, { username: 'carol ' }, [expect.stringContaining('a blank')]],
  ])('%j comes to %j', (columns, line, bent) => {
    expect(convertAccount({ ...person, ...columns })).toMatchObject({ lines: [{ line }], bent })
  })
})

describe('course runs, modes and roles', () => {
  test('a capacity below zero is zero, a zero date is none, and junk is no key', () => {
    const row = { id: 'course-v1:a+b+c', max_student_enrollments_allowed: -1, end: '0000-00-00 00:00:00' }
    expect(convertCourse(row)).toMatchObject({
      lines: [{ line: { maxEnrollments: 0, end: null } }],
      bent: [expect.anything()],
    })
    expect(convertCourse({ id: 'junk' })).toEqual({ leftAside: "'junk' is not a course key" })
  })

  test('a professional mode never expires, prices are cleaned, and the key is written as it is here', () => {
    const row = {
      ...{ course_id: 'course-v1:EDX+demox+2026', mode_slug: 'professional', min_price: -5, currency: 'USD' },
      ...{ suggested_prices: '10, 20,', expiration_datetime: '2027-01-01 00:00:00.000000' },
    }
    expect(convertMode(row, courses)).toMatchObject({
      lines: [
        {
          line: {
            courseId: 'course-v1:edX+DemoX+2026',
            minPrice: 0,
            suggestedPrices: '10,20',
            currency: 'usd',
            expires: null,
          },
        },
      ],
      bent: { length: 4 },
    })
  })

  test('keys are compared by code points: an accent makes another run', () => {
    expect(convertMode({ course_id: 'course-v1:édX+DemoX+2026', mode_slug: 'audit' }, courses)).toHaveProperty(
      'leftAside',
    )
  })

  test('a role needs neither course run nor organisation', () => {
    expect(convertRole({ user_id: 6, org: '', course_id: '', role: 'support' }, courses)).toMatchObject({
      lines: [{ line: { username: { account: 6 }, org: '', courseId: null } }],
    })
  })
})

describe('cohorts, embargo and customers', () => {
  test('the older list of members says nothing where the newer one does', () => {
    const row = {
      user_id: 5,
      courseusergroup_id: 1,
      group_type: 'cohort',
      cohort: 'A',
      cohort_course_id: 'course-v1:edX+DemoX+2026',
    }
    expect(convertCohortUser({ ...row, member_of: null }, courses)).toMatchObject({
      lines: [{ line: { cohort: 'A' } }],
    })
    expect(convertCohortUser({ ...row, member_of: 1 }, courses)).toEqual({ lines: [] })
    expect(convertCohortUser({ ...row, member_of: 2 }, courses)).toMatchObject({ lines: [], bent: [expect.anything()] })
  })

  test('addresses on both lists are let in; settings that are off list none', () => {
    const row = { enabled: 1, whitelist: '192.0.2.1', blacklist: '192.0.2.1, 198.51.100.0/24' }
    expect(convertAddresses(row)).toEqual({
      lines: [
        { line: { type: 'embargoAddress', network: '192.0.2.1', isAllowed: true }, part: '192.0.2.1' },
        { line: { type: 'embargoAddress', network: '198.51.100.0/24', isAllowed: false }, part: '198.51.100.0/24' },
      ],
    })
    expect(convertAddresses({ ...row, enabled: 0 })).toEqual({ lines: [] })
  })

  test('UUIDs are read in all their forms', () => {
    const uuid = '6a1c0e0e-7d0f-4a43-9d52-0d9f0c0a5b11'
    for (const form of [
      uuid,
      uuid.replaceAll('-', ''),
      uuid.toUpperCase(),
      Buffer.from(uuid.replaceAll('-', ''), 'hex'),
    ]) {
      expect(uuidOf(form)).toBe(uuid)
    }
    expect(uuidOf('nonsense')).toBeNull()
  })

  test('a link is that of the newer column of the account where it is filled', () => {
    const row = { id: 7, user_id: 5, linked: 0, active: 1, is_relinkable: 0 }
    expect(convertLink({ ...row, user_fk: 9 })).toMatchObject({ lines: [{ line: { username: { account: 9 } } }] })
    expect(convertLink({ ...row, user_fk: null })).toMatchObject({
      lines: [{ line: { username: { account: 5 }, isLinked: false, isPermanentlyUnlinked: true, isActive: false } }],
      bent: [expect.stringContaining('not linked')],
    })
  })

  test('an administrator of all customers is one of each', () => {
    const all = { role: 'enterprise_admin', user_id: 1, enterprise_customer_id: null, customers: 'a,b' }
    expect(convertAdmin(all)).toMatchObject({ lines: [{ part: 'a' }, { part: 'b' }], bent: [expect.anything()] })
    expect(convertAdmin({ ...all, role: 'enterprise_learner' })).toEqual({ lines: [] })
    expect(convertAdmin({ ...all, role: 'enterprise_openedx_operator' })).toHaveProperty('leftAside')
  })

  test('a fulfilment was revoked when it was changed last', () => {
    const row = {
      course_id: 'course-v1:edX+DemoX+2026',
      link_id: 7,
      is_revoked: 1,
      modified: '2020-02-02 03:04:06.000000',
    }
    const funding = { column: 'license_uuid', key: 'license' } as const
    expect(convertFulfilment(row, courses, funding)).toMatchObject({
      lines: [{ line: { revokedAt: '2020-02-02T03:04:06.000000Z' } }],
    })
  })
})

test('zero dates and days that no calendar has are no instants', () => {
  for (const text of ['0000-00-00 00:00:00', '2026-00-10 00:00:00', '', null]) expect(instantOf(text)).toBeNull()
})
