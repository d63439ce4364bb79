import { describe, expect, test } from 'vitest'
import { BULK_ENROLL, type Answered } from '../../../support/rest.ts'
import { bulkWorld } from './world.ts'

const { world } = bulkWorld()

const REQUIRED = ['This field is required.']
const NULL = ['This field may not be null.']
const BLANK = ['This field may not be blank.']
const NOT_TEXT = ['Not a valid string.']
const NOT_BOOLEAN = ['Must be a valid boolean.']

describe('single fields (rest-v1 §3.9)', () => {
  test.for<[fields: Record<string, unknown>, errors: Record<string, string[]>]>([
    [{ identifiers: undefined }, { identifiers: REQUIRED }],
    [{ courses: undefined }, { courses: REQUIRED }],
    [{ action: undefined }, { action: REQUIRED }],
    [{ identifiers: null }, { identifiers: NULL }],
    [{ courses: null }, { courses: NULL }],
    [{ cohorts: null }, { cohorts: NULL }],
    [{ action: null }, { action: NULL }],
    [{ auto_enroll: null }, { auto_enroll: NULL }],
    [{ email_students: null }, { email_students: NULL }],
    [{ identifiers: '' }, { identifiers: BLANK }],
    [{ identifiers: ' \n ' }, { identifiers: BLANK }],
    [{ identifiers: true }, { identifiers: NOT_TEXT }],
    [{ identifiers: ['bob'] }, { identifiers: NOT_TEXT }],
    [{ identifiers: { bob: 1 } }, { identifiers: NOT_TEXT }],
    [{ courses: 7 }, { courses: NOT_TEXT }],
    [{ courses: [7] }, { courses: NOT_TEXT }],
    [{ courses: { a: 1 } }, { courses: NOT_TEXT }],
    [{ cohorts: [[]] }, { cohorts: NOT_TEXT }],
    [{ reason: {} }, { reason: NOT_TEXT }],
    [{ action: 'invalid-action' }, { action: ['"invalid-action" is not a valid choice.'] }],
    [{ action: '' }, { action: ['"" is not a valid choice.'] }],
    [{ action: 'Enroll' }, { action: ['"Enroll" is not a valid choice.'] }],
    [{ action: false }, { action: ['"False" is not a valid choice.'] }],
    [{ action: ['enroll'] }, { action: [`"['enroll']" is not a valid choice.`] }],
    [{ courses: 'nokey' }, { courses: ['Course key not valid: nokey'] }],
    [{ courses: 'a/b/c, a/b/d' }, { courses: ['Course key not valid:  a/b/d'] }],
    [{ courses: 'a/b/c,' }, { courses: ['Course key not valid: '] }],
    [{ courses: 'one,two' }, { courses: ['Course key not valid: one'] }],
    [{ courses: ['one', 'a/b/c'] }, { courses: ['Course key not valid: one'] }],
    [{ auto_enroll: 'maybe' }, { auto_enroll: NOT_BOOLEAN }],
    [{ auto_enroll: 2 }, { auto_enroll: NOT_BOOLEAN }],
    [{ auto_enroll: [] }, { auto_enroll: NOT_BOOLEAN }],
    [{ email_students: 'tRuE' }, { email_students: NOT_BOOLEAN }],
  ])('%o: %o', async ([fields, errors]) => {
    expect(await ask(fields)).toMatchObject({ status: 400, text: JSON.stringify(errors) })
  })

  test('all are told at once, and before what is wrong with several', async () => {
    const answer = await ask({ identifiers: '', courses: 'x', action: 'y', auto_enroll: 'z', cohorts: 'a,b,c' })
    expect(answer.json).toEqual({
      identifiers: BLANK,
      courses: ['Course key not valid: x'],
      action: ['"y" is not a valid choice.'],
      auto_enroll: NOT_BOOLEAN,
    })
  })

  test.for([
    ['t', true],
    ['Y', true],
    ['yes', true],
    ['TRUE', true],
    ['on', true],
    ['1', true],
    [1, true],
    [true, true],
    ['f', false],
    ['NO', false],
    ['False', false],
    ['off', false],
    [0, false],
    [false, false],
  ] as const)('%o is %s', async ([value, flag]) => {
    const { json } = await ask({ auto_enroll: value, email_students: value })
    expect(json).toMatchObject({ auto_enroll: flag, email_students: flag })
  })

  test('a number is an identifier too', async () => {
    const { json } = await ask({ identifiers: 7 })
    expect(json.courses[world.course].results).toEqual([{ identifier: '7', invalidIdentifier: true }])
  })
})

describe('several fields', () => {
  test.for<[what: string, fields: Record<string, unknown>, words: string]>([
    ['the action', { action: 'unenroll', cohorts: 'a,b' }, 'Cohorts can only be used for enrollments.'],
    ['the count', { cohorts: 'a,b' }, 'If provided, the cohorts and courses should have equal number of items.'],
    [
      'the count without courses',
      { courses: '', cohorts: 'a' },
      'If provided, the cohorts and courses should have equal number of items.',
    ],
    ['existence', { courses: 'a/b/c', cohorts: 'cohort1' }, 'cohort cohort1 not found in course a/b/c.'],
    ['the first that is missing', { courses: 'a/b/c,a/b/d', cohorts: 'x,y' }, 'cohort x not found in course a/b/c.'],
    ['an empty name', { courses: 'a/b/c,a/b/d', cohorts: ',' }, 'cohort  not found in course a/b/c.'],
  ])('%s', async ([, fields, words]) => {
    expect(await ask(fields)).toMatchObject({ status: 400, text: JSON.stringify({ non_field_errors: [words] }) })
  })

  test('the name of a cohort is exact, and belongs to its course', async () => {
    const words = `cohort Cohort1 not found in course ${world.course}.`
    expect(await ask({ cohorts: 'Cohort1' })).toMatchObject({ status: 400, json: { non_field_errors: [words] } })
  })

  test('a request cannot ask for more than a server can do', async () => {
    const identifiers = Array.from({ length: 5_001 }, (_, n) => n).join()
    const answer = await ask({ identifiers, courses: 'a/b/c,a/b/d' })
    const words = 'A request may hold at most 10000 pairs of an identifier and a course.'
    expect(answer).toMatchObject({ status: 400, json: { non_field_errors: [words] } })
  })
})

describe('the body', () => {
  test.for(['[]', '"enroll"', '7'])('%s is no object (D2)', async (body) => {
    expect(await send(body, 'application/json')).toMatchObject({
      status: 400,
      json: { message: 'The request body must be a JSON object.' },
    })
  })

  test('NUL comes before everything (D10)', async () => {
    const answer = await send('{"identifiers":"a\\u0000b"}', 'application/json')
    expect(answer).toMatchObject({ status: 400, json: { message: expect.stringMatching(/^identifiers must not/) } })
  })

  test('a multipart form', async () => {
    const fields = { identifiers: world.notEnrolled.username, courses: world.course, action: 'enroll', reason: 'x' }
    const parts = Object.entries(fields).map(
      ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    )
    const answer = await send(`${parts.join('')}--b--\r\n`, 'multipart/form-data; boundary=b')
    expect(answer.json.courses[world.course].results).toMatchObject([{ after: { enrollment: true } }])
  })

  test.for(['PUT', 'GET', 'DELETE'])('%s is not allowed', async (method) => {
    const answer = await world.staff.send(method, BULK_ENROLL)
    expect(answer).toMatchObject({ status: 405, json: { detail: `Method "${method}" not allowed.` } })
    expect(answer.headers.allow).toBe('POST, OPTIONS')
  })

  function send(body: string, type: string): Promise<Answered> {
    return world.staff.send('POST', BULK_ENROLL, { headers: { 'content-type': type }, body })
  }
})

function ask(fields: Record<string, unknown>): Promise<Answered> {
  return world.staff.postTo(BULK_ENROLL, {
    identifiers: 'nobody',
    courses: world.course,
    action: 'enroll',
    ...fields,
  })
}
