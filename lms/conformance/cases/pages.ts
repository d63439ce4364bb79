import * as z from 'zod'
import { get, one, says } from '../build.ts'
import type { Case, Expected } from '../case.ts'
import { emailOf, NO_RUN, NOBODY, q, type Names } from '../names.ts'
import { OVER } from '../setup.ts'

const NAMES_CAN = 'Usernames can only contain letters (A-Z, a-z), numerals (0-9), underscores (_), and hyphens (-).'

/** §3.7: all enrollments, a page at a time. */
export function pageCases({ other, teacher, detailed }: Names): Case[] {
  const row = (user: string) => ({ created: OVER, mode: 'audit', is_active: true, user, course_id: detailed })
  const ofOther = page([row(other)])
  const both = { status: 200, shape: holds(detailed, [other, teacher]) }
  const ask = (query: Record<string, string>) => get(`/enrollments?${new URLSearchParams(query).toString()}`)
  const at = { course_id: detailed }
  const asked: [what: string, query: Record<string, string>, expected: Expected, known?: string][] = [
    ['5.6 110|no course key', { course_id: '1' }, faults({ course_id: "'1' is not a valid course id." })],
    ['5.6 112|no username', { username: '1*2' }, faults({ username: NAMES_CAN })],
    [
      '5.6 113|no username beside a course key',
      { username: '1*2', course_id: 'org.0/course_0/Run_0' },
      faults({ username: NAMES_CAN }),
    ],
    ['5.6 115|101 usernames', { username: commas(101) }, faults({ username: tooMany('usernames') })],
    ['3.7|101 e-mail addresses', { email: commas(101) }, faults({ email: tooMany('emails') })],
    ['3.7|101 parts of course ids', { course_ids: commas(101) }, faults({ course_ids: tooMany('course_ids') })],
    [
      '3.7|each bad field is told',
      { username: '!', course_id: 'x' },
      faults({ username: NAMES_CAN, course_id: "'x' is not a valid course id." }),
    ],
    ['5.6 116|nobody', { username: NOBODY }, page([])],
    ['5.6 118|an unknown course run', { course_id: 'a/b/c' }, page([])],
    ['5.6 119|an unknown course run and a known user', { course_id: NO_RUN, username: other }, page([])],
    ['5.6 121|a course run', at, both],
    ['5.6 123|a course run and usernames', { ...at, username: `${other},${NOBODY}` }, ofOther],
    ['5.6 125|usernames', { ...at, username: `${other},${teacher}` }, both],
    ['5.6 127|e-mail addresses', { ...at, email: `${emailOf(other)},${emailOf(teacher)}` }, both],
    ['3.7|an e-mail address in other letters', { ...at, email: emailOf(other).toUpperCase() }, ofOther],
    ['5.6 130|parts of course ids', { course_ids: `${NO_RUN},${detailed.slice(10, -5)}`, username: other }, ofOther],
    ['3.7|parts in other letters', { course_ids: detailed.slice(3).toUpperCase(), username: other }, ofOther],
    ['3.7|a percent sign is one', { course_ids: '%', username: other }, page([])],
    ['3.7|blanks around the whole', { ...at, username: `  ${other} ` }, ofOther],
    ['3.7|blanks around an item', { ...at, username: `${other}, ${teacher}` }, faults({ username: NAMES_CAN })],
    ['3.7|an empty item', { username: `${other},` }, faults({ username: NAMES_CAN })],
    ['3.7|a username in other letters', { ...at, username: other.toUpperCase() }, page([]), 'D6'],
    ['3.7|page and page_size have no effect', { ...at, username: other, page: '2', page_size: '1' }, ofOther],
    ['3.7|an empty username is none in particular', { ...at, username: '' }, both],
    ['3.7|an empty cursor is none', { ...at, username: other, cursor: '' }, ofOther],
    ['0 D7|a cursor that is none', { cursor: 'garbage' }, says(404, 'Invalid cursor', 'developer_message'), 'D7'],
    ['3.7|a bad field comes before a bad cursor', { cursor: 'garbage', course_id: '1' }, { status: 400 }],
  ]
  return [
    ...asked.map(([what, query, expected, known]) => {
      const [section = '', words = ''] = what.split('|')
      return one(section, words, ['staff', ask(query), expected], known === undefined ? {} : { known })
    }),
    one('3.7', 'a slash at the end', [
      'staff',
      get(`/enrollments/?course_id=${q(detailed)}&username=${q(other)}`),
      ofOther,
    ]),
    one('5.6', 'a row holds exactly this', [
      'staff',
      ask({ ...at, username: other }),
      { status: 200, text: JSON.stringify({ next: null, previous: null, results: [row(other)] }) },
    ]),
    one('3.7', 'its own envelope for a wrong method', [
      'staff',
      { ...ask(at), method: 'PUT' },
      says(405, 'Method "PUT" not allowed.', 'developer_message'),
    ]),
    one('3.7', 'its own envelope for Accept', [
      'staff',
      get('/enrollments', { accept: 'text/html' }),
      says(406, 'Could not satisfy the request Accept header.', 'developer_message'),
    ]),
    one('3.7', 'its own envelope for a bad token', [
      'anonymous',
      get('/enrollments', { authorization: 'JWT nonsense' }),
      { status: 401, keys: ['developer_message'], headers: { 'www-authenticate': null } },
    ]),
  ]
}

function page(results: unknown[]): Expected {
  return { status: 200, json: { next: null, previous: null, results } }
}

function holds(courseId: string, users: readonly string[]) {
  const rows = z.array(z.object({ user: z.string(), course_id: z.literal(courseId) }))
  return z
    .object({ results: rows })
    .refine(({ results }) => users.every((user) => results.some((row) => row.user === user)), {
      error: `lacks one of ${users.join(', ')}`,
    })
}

function faults(errors: Record<string, string>): Expected {
  const fields = Object.entries(errors).map(([field, words]) => [field, { developer_message: words }] as const)
  return { status: 400, json: { field_errors: Object.fromEntries(fields) } }
}

function tooMany(plural: string): string {
  return `Too many ${plural} in a single request - 101. A maximum of 100 is allowed`
}

function commas(count: number): string {
  return Array.from({ length: count }, (_, n) => `u${n}`).join(',')
}
