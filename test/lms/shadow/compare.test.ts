import { describe, expect, test } from 'vitest'
import { compareAnswers } from '../../../lms/exchange/compare.ts'
import { KNOWN_DIFFERENCES } from '../../../lms/exchange/known-differences.ts'
import type { Answer, Request } from '../../../lms/exchange/server.ts'
import { readFiles } from '../../docs/files.ts'

const V1 = '/api/enrollment/v1'
const answer = (status: number, body: unknown): Answer => ({
  status,
  headers: {},
  text: typeof body === 'string' ? body : JSON.stringify(body),
})
const GET: Request = { method: 'GET', path: `${V1}/enrollment?user=bob` }

describe('the same by value', () => {
  const rows = [
    { created: '2026-01-01T00:00:00Z', course_id: 'a/b/c', user: 'x' },
    { created: '2026-01-01T00:00:00Z', course_id: 'a/b/d', user: 'y' },
    { created: '2025-01-01T00:00:00Z', course_id: 'a/b/e', user: 'z' },
  ]
  test.for<[what: string, first: unknown, second: unknown]>([
    ['keys in another order', { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
    ['blanks', '{"a": 1}', '{"a":1}'],
    [
      'modes in another order',
      { course_modes: [{ slug: 'a' }, { slug: 'b' }] },
      { course_modes: [{ slug: 'b' }, { slug: 'a' }] },
    ],
    ['roles in another order', { roles: [{ role: 'a' }, { role: 'b' }] }, { roles: [{ role: 'b' }, { role: 'a' }] }],
    ['organisations in another order', ['a', 'b'], ['b', 'a']],
    ['rows of one instant in another order', { results: rows }, { results: [rows[1], rows[0], rows[2]] }],
    ['other cursors', { next: 'http://a/?cursor=1', previous: null }, { next: 'http://b/?cursor=2', previous: null }],
    ['another host', { user_message_url: 'http://a/blocked/' }, { user_message_url: 'https://b/blocked/' }],
    ['nothing', '', ''],
  ])('%s', ([, first, second]) => {
    expect(compareAnswers(GET, answer(200, first), answer(200, second))).toEqual({ kind: 'equal' })
  })

  test.for<[what: string, first: unknown, second: unknown, told: string]>([
    ['a value', { a: [{ b: 1 }] }, { a: [{ b: 2 }] }, 'a[0].b: 1 and 2'],
    ['a type', { a: 1 }, { a: '1' }, 'a: 1 and "1"'],
    ['a key that is missing', { a: 1, b: null }, { a: 1 }, 'b: null and nothing'],
    ['the length of a list', [{ a: 1 }], [], ': 1 and 0 items'],
    [
      'rows of different instants in another order',
      { results: rows },
      { results: rows.toReversed() },
      'results[0].course_id: "a/b/c" and "a/b/e"',
    ],
    ['a page that there is not', { next: 'x' }, { next: null }, 'next: "a page" and null'],
    ['nothing and something', '', { a: 1 }, 'the bodies, of which not both are JSON'],
    [
      'created',
      { created: '2026-01-01T00:00:00Z' },
      { created: '2026-01-01T00:00:00.1Z' },
      'created: "2026-01-01T00:00:00Z" and "2026-01-01T00:00:00.1Z"',
    ],
  ])('but not: %s', ([, first, second, told]) => {
    const verdict = compareAnswers(GET, answer(200, first), answer(200, second))
    expect(verdict).toMatchObject({ kind: 'different', differences: expect.arrayContaining([told]) })
  })

  test('a status alone', () => {
    expect(compareAnswers(GET, answer(200, []), answer(404, []))).toMatchObject({
      differences: ['status: 200 and 404'],
    })
  })

  test('what both made while writes were replayed was created at one time', () => {
    const [first, second] = [
      answer(200, { created: '2026-01-01T00:00:05Z' }),
      answer(200, { created: '2026-01-01T00:00:09Z' }),
    ]
    expect(compareAnswers(GET, first, second, Date.parse('2026-01-01T00:00:00Z')).kind).toBe('equal')
    expect(compareAnswers(GET, first, second, Date.parse('2026-01-01T00:00:06Z')).kind).toBe('different')
  })
})

const noCourse = (id: string) => answer(400, `{"message":"No course found for course ID '${id}'"}`)
const ENROLLMENT = { is_active: true, user: 'bob', mode: 'audit' }
const posted = (body: object, path = '/enrollment'): Request => ({
  method: 'POST',
  path: V1 + path,
  body: JSON.stringify(body),
})
const read = (path: string): Request => ({ method: 'GET', path: V1 + path })

describe('known differences (rest-v1 §0)', () => {
  test.for<[section: string, request: Request, lms: Answer, here: Answer]>([
    ['D1', read('/course/a+b+c'), answer(500, '<h1>Server Error (500)</h1>'), noCourse('a+b+c')],
    ['D1', read('/enrollment/bob,a+b+c'), answer(400, { message: 'other words' }), noCourse('a+b+c')],
    [
      'D2',
      posted({ course_details: null }),
      answer(500, '<h1>'),
      answer(400, { message: 'course_details must be an object.' }),
    ],
    [
      'D3',
      posted({ course_details: { course_id: 'a/b/c' } }),
      answer(400, {
        message: "An error occurred while creating the new course enrollment for user 'bob' in course 'a/b/c'",
      }),
      answer(200, ENROLLMENT),
    ],
    ['D6', read('/enrollment/BOB,course-v1:a+b+c'), answer(200, ENROLLMENT), answer(200, '')],
    ['D6', read('/enrollment?user=Bob'), answer(200, [ENROLLMENT]), answer(200, [])],
    [
      'D6',
      read('/enrollments?username=b%C3%B3b'),
      answer(200, { results: [ENROLLMENT] }),
      answer(200, { results: [] }),
    ],
    [
      'D7',
      read('/enrollments?course_id=x&cursor=cD0y'),
      answer(200, { results: [] }),
      answer(404, { developer_message: 'Invalid cursor' }),
    ],
    [
      'D10',
      read('/enrollment?user=%00'),
      answer(200, []),
      answer(400, { message: 'user must not contain NUL characters or lone surrogates.' }),
    ],
    ['D13', read('/enrollment/nokey'), answer(404, '<!doctype html>'), answer(404, '{"detail":"Not found."}')],
    ['D15', read('/enrollment/course-v1:version@519665f6223ebd6980884f2b+a+b'), answer(200, ''), noCourse('x')],
    [
      'D17',
      posted({ email_opt_in: true, course_details: { course_id: 'course-v1:a+b+c' } }),
      answer(500, ''),
      answer(200, ENROLLMENT),
    ],
    [
      'D19',
      posted({ enrollment_attributes: [] }),
      answer(200, ENROLLMENT),
      answer(400, { message: 'enrollment_attributes must hold at most 100 attributes.' }),
    ],
  ])('%s: %o', ([section, request, lms, here]) => {
    expect(compareAnswers(request, lms, here)).toMatchObject({ kind: 'known', known: { section } })
  })

  test.for<[what: string, request: Request, lms: Answer, here: Answer]>([
    [
      'a course run that is missing here',
      read('/course/course-v1:a+b+c'),
      answer(200, {}),
      noCourse('course-v1:a+b+c'),
    ],
    ['a 500 of ours', read('/course/a+b+c'), noCourse('a+b+c'), answer(500, '')],
    ['a 500 of the LMS for what we do', read('/enrollment'), answer(500, ''), answer(200, [])],
    [
      'an enrollment that is missing here',
      read('/enrollment/bob,course-v1:a+b+c'),
      answer(200, ENROLLMENT),
      answer(200, ''),
    ],
    ['somebody else’s enrollment', read('/enrollment?user=alice'), answer(200, [ENROLLMENT]), answer(200, [])],
    [
      'a refusal of ours',
      posted({ course_details: { course_id: 'course-v1:a+b+c' } }),
      answer(200, ENROLLMENT),
      answer(400, { message: 'An error occurred' }),
    ],
    [
      'an enrollment of ours in a run of the new style',
      posted({ course_details: { course_id: 'course-v1:a+b+c' } }),
      answer(400, { message: 'An error occurred while creating the new course enrollment' }),
      answer(200, ENROLLMENT),
    ],
    [
      'another page without a cursor',
      read('/enrollments?course_id=x'),
      answer(200, { results: [1] }),
      answer(200, { results: [2] }),
    ],
  ])('are not: %s', ([, request, lms, here]) => {
    expect(compareAnswers(request, lms, here).kind).toBe('different')
  })

  test('each is one of the contract', () => {
    const [contract] = readFiles('docs/contract/rest-v1.md')
    for (const { section } of KNOWN_DIFFERENCES) expect(contract?.text).toContain(`\n| ${section} |`)
  })
})
