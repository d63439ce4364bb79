import { describe, expect, test } from 'vitest'
import { lineFormat, parseLine } from '../../../core/import-export/lines.ts'

const COURSE = 'course-v1:edX+DemoX+2026'

function parse(line: object | string) {
  return parseLine(typeof line === 'string' ? line : JSON.stringify(line), lineFormat())
}

describe('a good line has the defaults of what it leaves out (run §4)', () => {
  test.each([
    [
      { type: 'user', username: 'bob', email: 'bob@example.com' },
      { name: '', isActive: true, isStaff: false, isSuperuser: false, country: null, yearOfBirth: null },
    ],
    [
      { type: 'course', courseId: COURSE },
      {
        displayName: null,
        start: null,
        end: null,
        enrollmentStart: null,
        enrollmentEnd: null,
        invitationOnly: false,
        maxEnrollments: null,
        selfPaced: false,
      },
    ],
    [
      { type: 'mode', courseId: COURSE, slug: 'audit' },
      { minPrice: 0, suggestedPrices: '', currency: 'usd', expires: null, description: null, sku: null, bulkSku: null },
    ],
    [{ type: 'role', username: 'bob', role: 'staff', org: 'edX' }, { courseId: null }],
    [{ type: 'allowance', email: 'a@example.com', courseId: COURSE }, { autoEnroll: false }],
    [{ type: 'enrollment', username: 'bob', courseId: COURSE, mode: 'audit' }, { isActive: true }],
    [
      { type: 'embargo', courseId: COURSE },
      { whitelist: [], blacklist: [], messageKey: 'default' },
    ],
  ])('%j', (line, defaults) => {
    expect(parse(line)).toMatchObject({ ok: true, line: defaults })
  })

  test('the currency is stored in lower case', () => {
    expect(parse({ type: 'mode', courseId: COURSE, slug: 'audit', currency: 'EUR' })).toMatchObject({
      line: { currency: 'eur' },
    })
  })

  test('an account without an address says so with null', () => {
    expect(parse({ type: 'user', username: 'bob', email: null })).toMatchObject({ ok: true, line: { email: null } })
  })
})

describe('a bad line is told by what is wrong with it', () => {
  const user = { type: 'user', username: 'bob', email: 'bob@example.com' }
  const course = { type: 'course', courseId: COURSE }
  const mode = { type: 'mode', courseId: COURSE, slug: 'verified' }
  const enrollment = { type: 'enrollment', username: 'bob', courseId: COURSE, mode: 'audit' }
  const types =
    'user, course, mode, role, cohort, allowance, enrollment, cohortMember, cohortPreassignment, emailOptIn, manualEnrollment, retirement, retirementRequest, embargo, embargoCountry, embargoAddress'

  test.each([
    ['nonsense', 'not JSON: Unexpected token \'o\', "nonsense" is not valid JSON'],
    ['{"type":"user"', "not JSON: Expected ',' or '}' after property value in JSON at position 14 (line 1 column 15)"],
    ['[]', 'must be one JSON object'],
    ['null', 'must be one JSON object'],
    ['"user"', 'must be one JSON object'],
    [{}, `type: is missing; it is one of ${types}`],
    [{ type: 'student' }, `type: 'student' is not one of ${types}`],
    [{ type: 'constructor' }, `type: 'constructor' is not one of ${types}`],
    [{ type: 7 }, `type: the value is not one of ${types}`],
    [{ type: 'user' }, 'user: username: is missing; email: is missing'],
    [{ ...user, age: 7 }, "user: unknown key 'age'"],
    [{ ...user, a: 1, b: 2 }, "user: unknown keys 'a', 'b'"],
    ['{"type":"user","username":"a","email":"a@b","__proto__":{}}', "user: unknown key '__proto__'"],
    [{ ...user, ['\u001b[31m']: 1 }, String.raw`user: unknown key '\u001b[31m'`],
    [{ ...user, username: '' }, 'user: username: must not be empty'],
    [{ ...user, username: 7 }, 'user: username: must be text'],
    [{ ...user, username: 'u'.repeat(151) }, 'user: username: is longer than 150 characters'],
    [{ ...user, username: 'a\0b' }, 'user: username: must not contain a NUL character or half of a surrogate pair'],
    [{ ...user, name: '\ud800' }, 'user: name: must not contain a NUL character or half of a surrogate pair'],
    [{ ...user, email: 'bob' }, "user: email: 'bob' is not an e-mail address"],
    [{ ...user, email: 'bob @example.com' }, "user: email: 'bob @example.com' is not an e-mail address"],
    [{ ...user, email: `${'b'.repeat(250)}@e.io` }, 'user: email: is longer than 254 characters'],
    [{ ...user, isStaff: 'yes' }, 'user: isStaff: must be true or false'],
    [{ ...user, country: 'fr' }, "user: country: 'fr' is not a country code such as FR"],
    [{ ...user, country: 'FRA' }, "user: country: 'FRA' is not a country code such as FR"],
    [{ ...user, yearOfBirth: 1990.5 }, 'user: yearOfBirth: must be a whole number from 1 to 9999'],
    [{ ...course, courseId: 'x' }, "course: courseId: 'x' is not a course key"],
    [{ ...course, courseId: 7 }, 'course: courseId: must be a course key'],
    [{ ...course, courseId: `course-v1:a+b+${'c'.repeat(250)}` }, 'course: courseId: is longer than 255 characters'],
    [
      { ...course, start: '2026-02-30T00:00:00Z' },
      "course: start: '2026-02-30T00:00:00Z' is not an instant such as 2026-01-31T09:30:00Z",
    ],
    [{ ...course, end: '2026-02-01' }, "course: end: '2026-02-01' is not an instant such as 2026-01-31T09:30:00Z"],
    [{ ...course, enrollmentStart: 0 }, 'course: enrollmentStart: must be an instant such as 2026-01-31T09:30:00Z'],
    [{ ...course, maxEnrollments: -1 }, 'course: maxEnrollments: must be a whole number from 0 to 2147483647'],
    [
      { ...course, maxEnrollments: 2_147_483_648 },
      'course: maxEnrollments: must be a whole number from 0 to 2147483647',
    ],
    [
      `{"type":"course","courseId":"${COURSE}","maxEnrollments":1e999}`,
      'course: maxEnrollments: must be a whole number from 0 to 2147483647',
    ],
    [{ ...mode, slug: 's'.repeat(101) }, 'mode: slug: is longer than 100 characters'],
    [{ ...mode, minPrice: '49' }, 'mode: minPrice: must be a whole number from 0 to 2147483647'],
    [{ ...mode, suggestedPrices: '5;10' }, 'mode: suggestedPrices: must be numbers separated by commas'],
    [{ ...mode, currency: '$' }, "mode: currency: must be letters such as 'usd'"],
    [
      { ...mode, slug: 'professional', expires: '2026-01-01T00:00:00Z' },
      'mode: expires: a professional mode may not expire',
    ],
    [
      { ...mode, slug: 'no-id-professional', expires: '2026-01-01T00:00:00Z' },
      'mode: expires: a professional mode may not expire',
    ],
    [{ type: 'role', username: 'bob', role: 'r'.repeat(65), org: 'edX' }, 'role: role: is longer than 64 characters'],
    [{ type: 'cohort', courseId: COURSE, name: '' }, 'cohort: name: must not be empty'],
    [{ type: 'allowance', email: 'nobody', courseId: COURSE }, "allowance: email: 'nobody' is not an e-mail address"],
    [{ ...enrollment, mode: '' }, 'enrollment: mode: must not be empty'],
    [{ ...enrollment, isActive: null }, 'enrollment: isActive: must be true or false'],
    [{ ...enrollment, created: null }, 'enrollment: created: must be an instant such as 2026-01-31T09:30:00Z'],
    [{ ...enrollment, attributes: {} }, 'enrollment: attributes: must be a list'],
    [
      { ...enrollment, attributes: Array.from({ length: 101 }, () => ({ namespace: 'a', name: 'b', value: 'c' })) },
      'enrollment: attributes: has more than 100 items',
    ],
    [{ ...enrollment, attributes: [7] }, 'enrollment: attributes[0]: must be an object of namespace, name and value'],
    [{ ...enrollment, attributes: [{ namespace: 'a', name: 'b' }] }, 'enrollment: attributes[0].value: is missing'],
    [
      { ...enrollment, attributes: [{ namespace: 'a', name: 'b', value: 'c', d: 1 }] },
      "enrollment: attributes[0]: unknown key 'd'",
    ],
    [{ type: 'retirement', username: 'bob' }, 'retirement: state: is missing'],
    [
      { type: 'embargo', courseId: COURSE, whitelist: ['fr'] },
      "embargo: whitelist[0]: 'fr' is not a country code such as FR",
    ],
    [{ type: 'embargo', courseId: COURSE, blacklist: 'FR' }, 'embargo: blacklist: must be a list of countries'],
  ])('%j', (line, reason) => {
    expect(parse(line)).toMatchObject({ ok: false, reason })
  })

  test('a reason stays short whatever the line holds', () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`key${index}`, 1]))
    const parsed = parse({ ...user, ...many })
    expect(parsed).toMatchObject({ ok: false })
    expect(JSON.stringify(parsed).length).toBeLessThan(600)
  })
})
