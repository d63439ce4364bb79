import * as z from 'zod'
import { EMPTY, get, NO_CREDENTIALS, NOT_FOUND, one, postTo, says, send } from '../build.ts'
import type { Case, Expected } from '../case.ts'
import type { Names } from '../names.ts'

const NO_COURSE_ID = says(400, 'Course ID must be specified to create a new enrollment.')
const R3 = 'GET, POST, HEAD, OPTIONS'
const NOT_ACCEPTABLE = says(406, 'Could not satisfy the request Accept header.', 'detail')

function withAllow(expected: Expected, allow: string): Expected {
  return { ...expected, headers: { ...expected.headers, allow } }
}

/** §2.1 to §2.3: what every view answers in the same way. */
export function frameworkCases(names: Names): Case[] {
  return [...methods(names), ...negotiation(), ...bodies(), ...order(names), ...forms(names)]
}

function methods({ learner, empty }: Names): Case[] {
  const own = `/enrollment/${learner},${empty}`
  return [
    ...['PUT', 'PATCH', 'DELETE'].map((method) =>
      one('2.3', `${method} /enrollment is not allowed`, [
        'key',
        send(method, '/enrollment'),
        withAllow(says(405, `Method "${method}" not allowed.`, 'detail'), R3),
      ]),
    ),
    one('2.3', 'POST is not allowed where only GET is', [
      'key',
      send('POST', own),
      withAllow(says(405, 'Method "POST" not allowed.', 'detail'), 'GET, HEAD, OPTIONS'),
    ]),
    one('2.3', 'a wrong method of somebody unknown is a 401', [
      'anonymous',
      send('PUT', '/enrollment'),
      NO_CREDENTIALS,
    ]),
    one('2.3', 'HEAD is GET without its body', [
      'key',
      send('HEAD', '/enrollment?user=nobody-at-all'),
      { status: 200, text: '', headers: { 'content-type': 'application/json', allow: R3 } },
    ]),
    one('2.3', 'HEAD needs what GET needs', ['anonymous', send('HEAD', '/enrollment'), { status: 401, text: '' }]),
    one('2.3', 'OPTIONS is for whom the view lets in', [
      'key',
      send('OPTIONS', '/enrollment'),
      { status: 200, headers: { allow: R3 } },
    ]),
    one('2.3', 'OPTIONS for nobody', ['anonymous', send('OPTIONS', '/enrollment'), NO_CREDENTIALS]),
    one('2.3', 'OPTIONS of the course details needs nothing', [
      'anonymous',
      send('OPTIONS', `/course/${empty}`),
      { status: 200, headers: { allow: 'GET, HEAD, OPTIONS' } },
    ]),
  ]
}

function negotiation(): Case[] {
  return [
    ...['text/html', 'application/xml', 'application/json;q=0']
      .slice(0, 2)
      .map((accept) =>
        one('2.3', `Accept: ${accept} cannot be satisfied`, [
          'key',
          get('/enrollment', { accept }),
          withAllow(NOT_ACCEPTABLE, R3),
        ]),
      ),
    ...['*/*', 'application/*', 'text/html, application/json;q=0.1', 'application/json; indent=4']
      .slice(0, 3)
      .map((accept) =>
        one('2.3', `Accept: ${accept} can`, [
          'key',
          get('/enrollment?user=nobody-at-all', { accept }),
          { status: 200, text: '[]', headers: { 'content-type': 'application/json' } },
        ]),
      ),
  ]
}

function bodies(): Case[] {
  const typed = (type: string, body: string) => send('POST', '/enrollment', { 'content-type': type }, body)
  const malformed: [body: string, words: string][] = [
    ['nope', 'Expecting value: line 1 column 1 (char 0)'],
    ['{"a":', 'Expecting value: line 1 column 6 (char 5)'],
    ['{"a":NaN}', "Out of range float values are not JSON compliant: 'NaN'"],
    ['[Infinity]', "Out of range float values are not JSON compliant: 'Infinity'"],
  ]
  return [
    ...['text/plain', 'text/plain; charset=utf-8', 'application/xml', 'garbage'].map((type) =>
      one('2.3', `a body of the type ${type}`, [
        'key',
        typed(type, '{}'),
        says(415, `Unsupported media type "${type}" in request.`, 'detail'),
      ]),
    ),
    ...malformed.map(([body, words]) =>
      one('2.3', `malformed JSON: ${body}`, [
        'key',
        postTo('/enrollment', body),
        says(400, `JSON parse error - ${words}`, 'detail'),
      ]),
    ),
    ...['application/json', 'text/plain', 'garbage'].map((type) =>
      one('2.3', `an empty body is an empty object, as ${type} too`, [
        'key',
        send('POST', '/enrollment', { 'content-type': type, 'content-length': '0' }),
        NO_COURSE_ID,
      ]),
    ),
    one('3.2', 'a form cannot carry the course run', [
      'key',
      typed('application/x-www-form-urlencoded', 'course_id=a&user=b'),
      NO_COURSE_ID,
    ]),
    one('3.2', 'nor can a multipart form', [
      'key',
      typed(
        'multipart/form-data; boundary=b',
        '--b\r\nContent-Disposition: form-data; name="user"\r\n\r\nx\r\n--b--\r\n',
      ),
      NO_COURSE_ID,
    ]),
  ]
}

function order({ open }: Names): Case[] {
  const wrong = { authorization: 'JWT nonsense' }
  return [
    one('2.1', 'the route comes before the Accept header', [
      'anonymous',
      get('/enrollment/nokey', { accept: 'text/html' }),
      { status: 404 },
    ]),
    one('2.1', 'the Accept header comes before credentials', [
      'anonymous',
      get('/enrollment', { accept: 'text/html' }),
      NOT_ACCEPTABLE,
    ]),
    one('2.1', 'credentials come before the body', [
      'anonymous',
      send('POST', '/enrollment', { 'content-type': 'text/plain' }, '{'),
      NO_CREDENTIALS,
    ]),
    one('2.1', 'the method comes before the body', [
      'key',
      send('PUT', '/enrollment', { 'content-type': 'text/plain' }, '{'),
      { status: 405 },
    ]),
    one('2.1', 'a bad token beats a good key', ['key', get('/enrollment', wrong), { status: 401 }]),
    one(
      '2.1',
      'a bad bearer token too',
      ['key', get('/enrollment', { authorization: 'Bearer nonsense' }), { status: 401 }],
      { known: 'D9' },
    ),
    one('2.1', 'a wrong key is nobody', [
      'anonymous',
      get('/enrollment', { 'x-edx-api-key': 'wrong' }),
      NO_CREDENTIALS,
    ]),
    one('2.1', 'an empty key is nobody', ['anonymous', get('/enrollment', { 'x-edx-api-key': '' }), NO_CREDENTIALS]),
    one('2.1', 'a wrong key beside a good token is no error', [
      'learner',
      get('/roles/', { 'x-edx-api-key': 'wrong' }),
      { status: 200 },
    ]),
    one('2.1', 'another scheme counts as nothing', [
      'anonymous',
      get('/enrollment', { authorization: 'Basic Ym9iOmJvYg==' }),
      NO_CREDENTIALS,
    ]),
    one('2.1', 'the course details look at no credentials, not even wrong ones', [
      'anonymous',
      get(`/course/${open}`, wrong),
      { status: 200 },
    ]),
  ]
}

function forms({ learner, empty }: Names): Case[] {
  return [
    one('2.3', 'JSON is compact, without a charset', [
      'key',
      get('/enrollment?user=nobody-at-all'),
      { status: 200, text: '[]', headers: { 'content-type': 'application/json', 'content-length': '2' } },
    ]),
    one('2.3', 'no data is no type and no length', [
      'key',
      get(`/enrollment/${learner},${empty}`),
      { ...EMPTY, headers: { 'content-type': null, 'content-length': '0', allow: 'GET, HEAD, OPTIONS' } },
    ]),
    one(
      '0 D13',
      'an unknown route is answered in JSON',
      ['anonymous', get('/nothing'), { ...NOT_FOUND, headers: { 'content-type': 'application/json' } }],
      { known: 'D13' },
    ),
    ...['/course/course-v1:a+b+c%00', '/course/a/b/c?include_expired=%00', '/enrollment?user=%00'].map((path) =>
      one('0 D10', `GET ${path}: NUL is refused`, ['key', get(path), { status: 400, shape: refusalOfNul }], {
        known: 'D10',
      }),
    ),
    ...['{"user":"a\\u0000b"}', '{"user":"\\ud800"}', '{"unknown":{"deep":[{"\\u0000":1}]}}'].map((body) =>
      one(
        '0 D10',
        `POST ${body}: refused before any other check`,
        ['key', postTo('/enrollment', body), { status: 400, shape: refusalOfNul }],
        { known: 'D10' },
      ),
    ),
    one('0 D10', 'but not before the permission', ['anonymous', get('/enrollment?user=%00'), NO_CREDENTIALS]),
  ]
}

const refusalOfNul = z.object({ message: z.string().regex(/must not contain NUL characters or lone surrogates\.$/) })
