import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { everythingIn } from '../../../../enterprise/state.ts'
import { headersOf, openEnterpriseApi } from '../api.ts'
import { ACME, ask, buildWorld, run } from '../routes-world.ts'

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
const { db } = api
beforeAll(() => buildWorld(api))

const PATH = `enterprise-customer/${ACME}/course_enrollments/`
const REQUIRED = ['This field is required.']
const NULL = ['This field may not be null.']
const BLANK = ['This field may not be blank.']
const NOT_TEXT = ['Not a valid string.']
const NOT_BOOLEAN = ['Must be a valid boolean.']
const NO_ADDRESS = ['Enter a valid email address.']
const overall = (text: string) => ({ non_field_errors: [text] })
const NOBODY = overall(
  'At least one of the following fields must be specified and map to an EnterpriseCustomerUser: lms_user_id, tpa_user_id, user_email',
)
const good = { lms_user_id: 8, course_run_id: run('C1'), course_mode: 'audit', is_active: false }
const { lms_user_id: _id, ...unnamed } = good
const notIn = (courseId: string) => [`The course run id ${courseId} is not in the catalog for Enterprise Customer ACME`]
const choice = (text: string) => [`"${text}" is not a valid choice.`]

describe('a malformed item is told at its place, the others are carried out', () => {
  test.each<[element: unknown, errors: object]>([
    [unnamed, NOBODY],
    [{ ...unnamed, lms_user_id: 99 }, NOBODY],
    [{ ...unnamed, lms_user_id: 999_999 }, NOBODY],
    [{ ...unnamed, lms_user_id: 'eight' }, NOBODY],
    [{ ...unnamed, lms_user_id: 8.5 }, NOBODY],
    [{ ...unnamed, lms_user_id: '9'.repeat(400) }, NOBODY],
    [{ ...unnamed, tpa_user_id: '8' }, NOBODY],
    [{ ...good, lms_user_id: null }, { lms_user_id: NULL }],
    [{ ...good, lms_user_id: '' }, { lms_user_id: BLANK }],
    [{ ...good, lms_user_id: true }, { lms_user_id: NOT_TEXT }],
    [{ ...good, lms_user_id: [8] }, { lms_user_id: NOT_TEXT }],
    [{ ...good, tpa_user_id: {} }, { tpa_user_id: NOT_TEXT }],
    [{ ...good, user_email: 'no-at-sign' }, { user_email: NO_ADDRESS }],
    [{ ...good, user_email: ' ' }, { user_email: BLANK }],
    [{ ...good, user_email: null }, { user_email: NULL }],
    [{ ...good, course_run_id: undefined }, { course_run_id: REQUIRED }],
    [{ ...good, course_run_id: '' }, { course_run_id: BLANK }],
    [{ ...good, course_run_id: null }, { course_run_id: NULL }],
    [{ ...good, course_run_id: 'not-a-key' }, { course_run_id: notIn('not-a-key') }],
    [{ ...good, course_run_id: run('Z') }, { course_run_id: notIn(run('Z')) }],
    [{ ...good, course_run_id: 7 }, { course_run_id: notIn('7') }],
    [{ ...good, course_mode: undefined }, { course_mode: REQUIRED }],
    [{ ...good, course_mode: null }, { course_mode: NULL }],
    [{ ...good, course_mode: '' }, { course_mode: choice('') }],
    [{ ...good, course_mode: 'honor' }, { course_mode: choice('honor') }],
    [{ ...good, course_mode: ['audit'] }, { course_mode: choice("['audit']") }],
    [{ ...good, cohort: null }, { cohort: NULL }],
    [{ ...good, cohort: ' ' }, { cohort: BLANK }],
    [{ ...good, email_students: 'maybe' }, { email_students: NOT_BOOLEAN }],
    [{ ...good, email_students: null }, { email_students: NULL }],
    [{ ...good, is_active: 2 }, { is_active: NOT_BOOLEAN }],
    [{ ...good, is_active: null }, { is_active: NULL }],
    [{}, { course_run_id: REQUIRED, course_mode: REQUIRED }],
    [
      { is_active: 5, cohort: {}, course_mode: 'x', course_run_id: 'y', user_email: 'z' },
      {
        user_email: NO_ADDRESS,
        course_run_id: notIn('y'),
        course_mode: choice('x'),
        cohort: NOT_TEXT,
        is_active: NOT_BOOLEAN,
      },
    ],
    ['text', overall('Invalid data. Expected a dictionary, but got str.')],
    [[], overall('Invalid data. Expected a dictionary, but got list.')],
    [null, overall('This field may not be null.')],
  ])('%j: %j', async (element, errors) => {
    const untouched = await everythingIn(db)
    const { status, text } = await ask(api, 'S', 'POST', PATH, [good, element, good])
    const success = { detail: 'success' }
    expect([status, text]).toEqual([200, JSON.stringify([success, errors, success])])
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('takes numbers and texts, words for truth, and keys with blanks around them', async () => {
    const words = {
      ...good,
      lms_user_id: ' 8 ',
      course_run_id: ` ${run('C1')}\n`,
      is_active: 'off',
      email_students: 'y',
    }
    const answer = await ask(api, 'S', 'POST', PATH, [words, { ...good, lms_user_id: '08' }])
    expect(answer.json).toEqual([{ detail: 'success' }, { detail: 'success' }])
  })

  test('repeats no long text', async () => {
    const long = 'x'.repeat(100_000)
    const { text } = await ask(api, 'S', 'POST', PATH, [{ course_run_id: long, course_mode: long }])
    expect(text.length).toBeLessThan(2_000)
    expect(text).toMatch(/x{100}…/)
  })
})

describe('a malformed list is told, and nothing is done', () => {
  const list = (type: string) => overall(`Expected a list of items but got type "${type}".`)
  test.each<[body: unknown, status: number, errors: object]>([
    [good, 400, list('dict')],
    ['text', 400, list('str')],
    [7, 400, list('int')],
    [null, 400, overall('No data provided')],
    [[{ ...good, cohort: 'nul\0' }], 400, { message: '0 must not contain NUL characters or lone surrogates.' }],
    [Array.from({ length: 10_001 }, () => 0), 413, { detail: 'A request may hold at most 10000 items.' }],
  ])('%#', async (body, status, errors) => {
    const untouched = await everythingIn(db)
    const answer = await ask(api, 'S', 'POST', PATH, body)
    expect([answer.status, answer.json]).toEqual([status, errors])
    expect(await everythingIn(db)).toEqual(untouched)
  })

  test('one without items is answered with one without answers; nothing at all is no list', async () => {
    expect(await ask(api, 'S', 'POST', PATH, [])).toMatchObject({ status: 200, text: '[]' })
    expect(await ask(api, 'S', 'POST', PATH)).toMatchObject({ status: 400, json: list('dict') })
  })

  test('what is no JSON, of another type, or too large', async () => {
    const staff = await headersOf({ username: 'S' })
    const send = (type: string, body: string) =>
      api.send('POST', `/enterprise/api/v1/${PATH}`, { headers: { ...staff, 'content-type': type }, body })
    expect((await send('application/json', '[{')).json.detail).toMatch(/^JSON parse error - /)
    expect((await send('application/xml', '<a/>')).status).toBe(415)
    expect(await send('application/x-www-form-urlencoded', 'a=b')).toMatchObject({ status: 400, json: list('dict') })
    expect((await send('application/json', `${' '.repeat(8 * 1024 * 1024)}[]`)).status).toBe(413)
  })

  test('as many items as there may be are all answered', async () => {
    const items = Array.from({ length: 10_000 }, () => ({ course_mode: 'audit' }))
    const { status, json } = await ask(api, 'S', 'POST', PATH, items)
    expect([status, json.length]).toEqual([200, 10_000])
  })
})
