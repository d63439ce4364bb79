import { afterAll, describe, expect, test } from 'vitest'
import { addCourse, addLearner } from '../../../support/seed.ts'
import { uuidOf } from '../../../enterprise/acme.ts'
import { addCustomer } from '../../../enterprise/seed.ts'
import { everythingIn } from '../../../enterprise/state.ts'
import { headersOf, openEnterpriseApi } from './api.ts'

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
const { db } = api

const acme = await addCustomer(db)
const course = await addCourse(db)
const bob = await addLearner(db, { username: 'bob', email: 'bob@example.com' })
const staff = await headersOf(await addLearner(db, { username: 'staff', is_staff: true }))
const good = { email: 'bob@example.com', course_run_key: course, license_uuid: uuidOf('L1') }
const { email: _email, ...unnamed } = good
const { license_uuid: _license, ...unfunded } = good

const REQUIRED = ['This field is required.']
const NULL = ['This field may not be null.']
const BLANK = ['This field may not be blank.']
const NOT_TEXT = ['Not a valid string.']
const NOT_WHOLE = ['A valid integer is required.']
const NOT_BOOLEAN = ['Must be a valid boolean.']
const overall = (...texts: string[]) => ({ non_field_errors: texts })
const BOTH_LISTS = overall('`licenses_info` must be ommitted if `enrollments_info` is present.')
const NO_LIST = overall('Must include the `enrollment_info` parameter in request.')
const NO_PERSON = overall('At least one user identifier field [user_id or email] required.')
const NO_FUNDING = overall('At least one subsidy info field [license_uuid or transaction_id] required.')
const TWO_FUNDINGS = overall(
  'Enrollment info contains conflicting subsidy information: `license_uuid` and `transaction_id` found',
)

describe('a malformed row is told at its place, and nothing is done', () => {
  test.each<[row: unknown, errors: object]>([
    [unnamed, NO_PERSON],
    [{ ...unnamed, user_id: 0 }, NO_PERSON],
    [unfunded, NO_FUNDING],
    [{ ...good, transaction_id: uuidOf('T1') }, TWO_FUNDINGS],
    [{ ...unnamed, license_uuid: 7, transaction_id: 8 }, NO_PERSON],
    [{ ...good, course_run_key: undefined }, { course_run_key: REQUIRED }],
    [{ ...good, course_run_key: ' ' }, { course_run_key: BLANK }],
    [{ ...good, course_run_key: ['a'] }, { course_run_key: NOT_TEXT }],
    [{ ...good, email: null }, { email: NULL }],
    [{ ...good, email: ' \t' }, { email: BLANK }],
    [{ ...good, email: true }, { email: NOT_TEXT }],
    [{ ...good, user_id: null }, { user_id: NULL }],
    [{ ...good, user_id: 'bob' }, { user_id: NOT_WHOLE }],
    [{ ...good, user_id: 1.5 }, { user_id: NOT_WHOLE }],
    [{ ...good, user_id: true }, { user_id: NOT_WHOLE }],
    [{ ...good, user_id: '1'.repeat(1001) }, { user_id: ['String value too large.'] }],
    [
      { ...good, user_id: '9'.repeat(30) },
      { user_id: ['Ensure this value is less than or equal to 9007199254740991.'] },
    ],
    [{ ...good, license_uuid: '' }, { license_uuid: BLANK }],
    [{ ...good, license_uuid: null }, { license_uuid: NULL }],
    [{ ...unfunded, transaction_id: {} }, { transaction_id: NOT_TEXT }],
    [{ ...good, force_enrollment: null }, { force_enrollment: NULL }],
    [{ ...good, force_enrollment: 'perhaps' }, { force_enrollment: NOT_BOOLEAN }],
    [{ ...good, is_default_auto_enrollment: [] }, { is_default_auto_enrollment: NOT_BOOLEAN }],
    [
      { user_id: 'x', email: '', force_enrollment: 2 },
      { user_id: NOT_WHOLE, email: BLANK, course_run_key: REQUIRED, force_enrollment: NOT_BOOLEAN },
    ],
    ['bob@example.com', overall('Invalid data. Expected a dictionary, but got str.')],
    [7, overall('Invalid data. Expected a dictionary, but got int.')],
    [1.5, overall('Invalid data. Expected a dictionary, but got float.')],
    [false, overall('Invalid data. Expected a dictionary, but got bool.')],
    [[], overall('Invalid data. Expected a dictionary, but got list.')],
    [null, NULL],
  ])('%j: %j', async (row, errors) => {
    const untouched = await everythingIn(db)
    for (const name of ['licenses_info', 'enrollments_info']) {
      const answer = await api.enroll(acme, { [name]: [good, row, good] })
      expect([answer.status, answer.json]).toEqual([400, { [name]: [{}, errors, {}] }])
    }
    expect(await everythingIn(db)).toEqual(untouched)
  })
})

describe('a malformed request is told, and nothing is done', () => {
  test.each<[body: unknown, errors: object]>([
    [{}, NO_LIST],
    [{ licenses_info: [], enrollments_info: [] }, NO_LIST],
    [{ licenses_info: [good], enrollments_info: [good] }, BOTH_LISTS],
    [{ licenses_info: null, enrollments_info: [good] }, { licenses_info: NULL }],
    [{ licenses_info: 'rows' }, { licenses_info: overall('Expected a list of items but got type "str".') }],
    [{ enrollments_info: good }, { enrollments_info: overall('Expected a list of items but got type "dict".') }],
    [{ enrollments_info: [good], notify: 'maybe' }, { notify: NOT_BOOLEAN }],
    [{ enrollments_info: [good], notify: null }, { notify: NULL }],
    [{ enrollments_info: [good], reason: '' }, { reason: BLANK }],
    [
      { enrollments_info: [good], reason: 'x'.repeat(2001) },
      { reason: ['Ensure this field has no more than 2000 characters.'] },
    ],
    [{ enrollments_info: [good], salesforce_id: null }, { salesforce_id: NULL }],
    [{ enrollments_info: [good], discount: 'half' }, { discount: ['A valid number is required.'] }],
    [
      { enrollments_info: [good], discount: '1.1234567' },
      { discount: ['Ensure that there are no more than 5 decimal places.'] },
    ],
    [{ enrollments_info: [good], discount: 100.5 }, { discount: ['Ensure this value is less than or equal to 100.'] }],
    [{ enrollments_info: [good], discount: -1 }, { discount: ['Ensure this value is greater than or equal to 0.'] }],
    [[good], overall('Invalid data. Expected a dictionary, but got list.')],
    ['text', overall('Invalid data. Expected a dictionary, but got str.')],
    [null, overall('No data provided')],
    [
      { enrollments_info: [{}], notify: 5 },
      { enrollments_info: [{ course_run_key: REQUIRED }], notify: NOT_BOOLEAN },
    ],
    [
      { enrollments_info: [{ ...good, email: 'nul\0@example.com' }] },
      { message: 'enrollments_info must not contain NUL characters or lone surrogates.' },
    ],
  ])('%j', async (body, errors) => {
    const untouched = await everythingIn(db)
    const answer = await api.enroll(acme, JSON.stringify(body))
    expect([answer.status, answer.json]).toEqual([400, errors])
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('what is no JSON, or of another type', async () => {
    const broken = await api.enroll(acme, '{"licenses_info": [')
    expect(broken.status).toBe(400)
    expect(broken.json.detail).toMatch(/^JSON parse error - /)
    const xml = await api.enroll(acme, '<rows/>', { ...staff, 'content-type': 'application/xml' })
    expect([xml.status, xml.json]).toEqual([415, { detail: 'Unsupported media type "application/xml" in request.' }])
    const form = await api.enroll(acme, 'licenses_info=x', {
      ...staff,
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(form.status).toBe(400)
    const picture = await api.enroll(acme, { licenses_info: [good] }, { ...staff, accept: 'image/png' })
    expect(picture.status).toBe(406)
  })

  test('more rows than a request may have, or more bytes', async () => {
    const many = { licenses_info: Array.from({ length: 10_001 }, () => ({})) }
    const rows = await api.enroll(acme, many)
    expect([rows.status, rows.json]).toEqual([413, { detail: 'A request may hold at most 10000 rows.' }])
    const bytes = await api.enroll(acme, `${' '.repeat(8 * 1024 * 1024)}{}`)
    expect([bytes.status, bytes.json]).toEqual([413, { detail: 'Request body is too large' }])
    const most = await api.enroll(acme, { licenses_info: many.licenses_info.slice(1) })
    expect([most.status, most.json.licenses_info.length]).toEqual([400, 100])
  })
})

describe('what is well-formed', () => {
  test.each<[what: string, body: object]>([
    [
      'numbers as texts, flags in words',
      { enrollments_info: [{ ...unnamed, user_id: ` ${bob.id}.0 `, force_enrollment: 'no' }] },
    ],
    ['a number with a point', { enrollments_info: [{ ...unnamed, user_id: bob.id }], discount: '12.50000' }],
    ['an empty list beside a full one', { licenses_info: [], enrollments_info: [good] }],
    ['the same the other way round', { licenses_info: [good], enrollments_info: [] }],
    [
      'what the original leaves out',
      { enrollments_info: [{ ...good, mode: 'verified', cohort: 7, activation_link: {} }], more: 1 },
    ],
    [
      'addresses and keys with blanks around them',
      { enrollments_info: [{ ...good, email: ' BOB@example.com\n', course_run_key: ` ${course} ` }] },
    ],
  ])('%s', async (_, body) => {
    const answer = await api.enroll(acme, body)
    expect([answer.status, answer.json.successes]).toMatchObject([
      201,
      [{ user_id: bob.id, email: 'bob@example.com', course_run_key: course }],
    ])
  })

  test('keeps the discount with what waits', async () => {
    await api.enroll(acme, { licenses_info: [{ ...good, email: 'new@example.com' }], discount: '12.5' })
    const waiting = await db.selectFrom('enterprise_pending_enrollments').select('discount').executeTakeFirstOrThrow()
    expect(Number(waiting.discount)).toBe(12.5)
  })

  test('funding that is no UUID, and an id that nobody can have, spoil their own row', async () => {
    const rows = [
      { ...good, license_uuid: 'L1' },
      { ...unnamed, user_id: -5 },
      { ...unnamed, user_id: 9_007_199_254_740_991 },
      good,
    ]
    const { status, json } = await api.enroll(acme, { licenses_info: rows })
    expect(status).toBe(409)
    expect(json.failures).toEqual([{ user_id: bob.id, email: 'bob@example.com', course_run_key: course }])
    expect(json.invalid_user_ids).toEqual([-5, 9_007_199_254_740_991])
    expect(json.successes).toHaveLength(1)
  })
})
