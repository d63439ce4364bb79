import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KEY, openDoor, signToken, type Answered, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../support/seed.ts'

let door: Door
let bob: SeededLearner
let course: string

beforeAll(async () => {
  door = await openDoor()
  bob = await addLearner(door.db)
  course = await addCourse(door.db)
})
afterAll(() => door[Symbol.asyncDispose]())

const NOT_PROVIDED = '{"detail":"Authentication credentials were not provided."}'
const NOT_ACCEPTABLE = '{"detail":"Could not satisfy the request Accept header."}'

describe('the bodies of the framework (rest-v1 §2.3)', () => {
  test('no credentials', async () => {
    const answer = await door.anonymous.get('/enrollment')
    expect(answer).toMatchObject({ status: 401, text: NOT_PROVIDED })
    expect(answer.headers).toMatchObject({ 'www-authenticate': 'JWT realm="api"', allow: 'GET, POST, HEAD, OPTIONS' })
  })

  test.for(['PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'QUERY'])('wrong method: %s', async (method) => {
    const answer = await door.as(bob).send(method, '/enrollment')
    expect(answer).toMatchObject({ status: 405, text: `{"detail":"Method \\"${method}\\" not allowed."}` })
    expect(answer.headers.allow).toBe('GET, POST, HEAD, OPTIONS')
  })

  test('wrong method where only GET is right', async () => {
    const answer = await door.as(bob).send('POST', `/enrollment/${course}`)
    expect(answer).toMatchObject({ status: 405, text: '{"detail":"Method \\"POST\\" not allowed."}' })
    expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS')
  })

  test.for(['text/html', 'application/xml', ''])('Accept: %s cannot be satisfied', async (accept) => {
    const answer = await door.as(bob).get('/enrollment', { accept })
    expect(answer).toMatchObject({ status: 406, text: NOT_ACCEPTABLE })
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', allow: 'GET, POST, HEAD, OPTIONS' })
  })

  test.for(['text/plain', 'text/plain; charset=utf-8', 'application/xml', 'garbage', ''])(
    'unknown content type: %s',
    async (type) => {
      const answer = await post({ 'content-type': type }, '{}')
      const detail = `Unsupported media type "${type}" in request.`
      expect(answer).toMatchObject({ status: 415, json: { detail } })
    },
  )

  test.for(['application/json', 'text/plain', 'garbage', 'multipart/form-data'])(
    'an empty body is an empty object, also as %s',
    async (type) => expect((await post({ 'content-type': type })).text).toBe(NO_COURSE_ID),
  )

  test('a body without a type', async () => {
    const answer = await post({}, Buffer.from('{}'))
    expect(answer).toMatchObject({ status: 415, text: '{"detail":"Unsupported media type \\"\\" in request."}' })
  })

  test.for([
    ['nope', 'Expecting value: line 1 column 1 (char 0)'],
    ['{"a":', 'Expecting value: line 1 column 6 (char 5)'],
    ['{"a":NaN}', "Out of range float values are not JSON compliant: 'NaN'"],
    ['[Infinity]', "Out of range float values are not JSON compliant: 'Infinity'"],
  ] as const)('malformed JSON: %s', async ([body, words]) => {
    const answer = await door.as(bob).post(body)
    expect(answer).toMatchObject({ status: 400, json: { detail: `JSON parse error - ${words}` } })
  })

  test('JSON that is no UTF-8', async () => {
    const answer = await post({ 'content-type': 'application/json' }, Buffer.from([0x22, 0xff, 0x22]))
    const words = "'utf-8' codec can't decode byte 0xff in position 1: invalid start byte"
    expect(answer).toMatchObject({ status: 400, json: { detail: `JSON parse error - ${words}` } })
  })

  test('a body over the limit', async () => {
    const answer = await door.as(bob).post(`"${'x'.repeat(1024 * 1024)}"`)
    expect(answer.status).toBe(413)
    expect(Object.keys(answer.json)).toEqual(['detail'])
  })

  test.for([
    ['application/x-www-form-urlencoded', 'course_id=a&user=b'],
    ['multipart/form-data; boundary=b', '--b\r\nContent-Disposition: form-data; name="user"\r\n\r\nx\r\n--b--\r\n'],
  ] as const)('a form cannot carry the course: %s', async ([type, body]) => {
    expect(await post({ 'content-type': type }, body)).toMatchObject({ status: 400, text: NO_COURSE_ID })
  })

  test('a multipart form without a boundary, and one that is none', async () => {
    expect((await post({ 'content-type': 'multipart/form-data' }, 'x')).json).toEqual({
      detail: 'Multipart form parse error - Invalid boundary in multipart: None',
    })
    expect((await post({ 'content-type': 'multipart/form-data; boundary=b' }, 'x')).status).toBe(400)
  })
})

describe('HEAD and OPTIONS', () => {
  test('HEAD is GET without the body', async () => {
    const get = await door.as(bob).get('/enrollment')
    const head = await door.as(bob).send('HEAD', '/enrollment')
    expect(head).toMatchObject({ status: 200, text: '' })
    expect(head.headers).toMatchObject({ 'content-type': 'application/json', 'content-length': `${get.text.length}` })
  })

  test('HEAD needs what GET needs', async () => {
    expect(await door.anonymous.send('HEAD', '/enrollment')).toMatchObject({ status: 401, text: '' })
  })

  test('OPTIONS describes the view, to whom it lets in', async () => {
    const answer = await door.as(bob).send('OPTIONS', '/enrollment')
    expect(answer).toMatchObject({ status: 200, json: { renders: ['application/json'] } })
    expect(answer.headers.allow).toBe('GET, POST, HEAD, OPTIONS')
    expect((await door.anonymous.send('OPTIONS', '/enrollment')).text).toBe(NOT_PROVIDED)
    expect((await door.anonymous.send('OPTIONS', `/course/${course}`)).status).toBe(200)
  })
})

describe('the order inside a request (rest-v1 §2.1)', () => {
  test('the route comes before the Accept header', async () => {
    expect((await door.anonymous.get('/enrollment/nokey', { accept: 'text/html' })).status).toBe(404)
  })

  test('the Accept header comes before the credentials', async () => {
    const headers = { accept: 'text/html', authorization: 'JWT wrong' }
    expect((await door.anonymous.get('/enrollment', headers)).text).toBe(NOT_ACCEPTABLE)
  })

  test('wrong credentials come before a good key', async () => {
    const answer = await door.server.get('/enrollment', { authorization: 'JWT wrong' })
    expect(answer).toMatchObject({ status: 401, text: '{"detail":"Invalid token."}' })
  })

  test('the permission comes before the method', async () => {
    expect((await door.anonymous.send('PUT', '/enrollment')).text).toBe(NOT_PROVIDED)
  })

  test('the method comes before the body', async () => {
    const answer = await door.as(bob).send('PUT', '/enrollment', {
      headers: { 'content-type': 'application/json' },
      body: 'nope',
    })
    expect(answer.status).toBe(405)
  })

  test.for(['application/json', 'text/plain', 'garbage'])('the permission comes before a body of %s', async (type) => {
    const answer = await door.anonymous.send('POST', '/enrollment', { headers: { 'content-type': type }, body: 'nope' })
    expect(answer.text).toBe(NOT_PROVIDED)
  })

  test('the course details look at no credentials, not even wrong ones', async () => {
    const answer = await door.with({ authorization: 'JWT wrong', 'x-edx-api-key': 'wrong' }).get(`/course/${course}`)
    expect(answer.status).toBe(200)
  })
})

describe('how answers are sent', () => {
  test('JSON is compact UTF-8 without a charset, and safe inside JavaScript', async () => {
    const strange = await addCourse(door.db, { display_name: 'Ünï\u2028\u2029 <b>&"\\ 😀\u0001' })
    const { text, headers } = await door.anonymous.get(`/course/${strange}`)
    expect(text).toContain('"course_name":"Ünï\\u2028\\u2029 <b>&\\"\\\\ 😀\\u0001","enrollment_start":null')
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': `${Buffer.byteLength(text)}`,
    })
  })

  test('no data is no type and no length', async () => {
    const answer = await door.as(bob).get(`/enrollment/${course}`)
    expect(answer).toMatchObject({ status: 200, text: '' })
    expect(answer.headers).toMatchObject({ 'content-length': '0', allow: 'GET, HEAD, OPTIONS' })
    expect(answer.headers).not.toHaveProperty('content-type')
  })
})

describe('texts that no database can store (rest-v1 D10)', () => {
  test.for([
    ['/course/course-v1:a+b+c%00', 'course_id'],
    ['/course/course-v1:a+b+%ED%A0%80', 'course_id'],
    ['/course/a/b/c?include_expired=%00', 'include_expired'],
    ['/course/a/b/c?x=%ED%BF%BF', 'x'],
    ['/course/a/b/c?%00=1', 'The name of a field'],
    ['/enrollment/bob%00,a+b+c', 'course_id'],
    ['/enrollment/somebody,course-v1:a+b+c%00', 'course_id'],
    ['/enrollment?user=%00', 'user'],
  ] as const)('GET %s: 400 before any other check', async ([path, field]) => {
    const answer = await door.as(bob).get(path)
    const message = `${field} must not contain NUL characters or lone surrogates.`
    expect(answer).toMatchObject({ status: 400, json: { message } })
  })

  test.for([
    ['{"user":"a\\u0000b"}', 'user'],
    ['{"user":"\\ud800"}', 'user'],
    ['{"user":"\\udc00\\ud800"}', 'user'],
    ['{"enrollment_attributes":[{"namespace":"\\u0000"}]}', 'enrollment_attributes'],
    ['{"unknown":{"deep":[{"\\u0000":1}]}}', 'unknown'],
    ['{"\\u0000":1}', 'The name of a field'],
    ['["\\u0000"]', '0'],
    ['"\\u0000"', 'body'],
  ] as const)('POST %s: 400 before any other check', async ([body, field]) => {
    const answer = await door.as(bob).post(body)
    const message = `${field} must not contain NUL characters or lone surrogates.`
    expect(answer).toMatchObject({ status: 400, json: { message } })
  })

  test('a whole pair of surrogates is one character', async () => {
    const answer = await door.as(bob).post('{"course_details":{"course_id":"\\ud83d\\ude00"}}')
    expect(answer.text).toBe('{"message":"No course \'😀\' found for enrollment"}')
  })

  test('but not before the permission', async () => {
    expect((await door.anonymous.get('/enrollment?user=%00')).status).toBe(401)
  })
})

const NO_COURSE_ID = '{"message":"Course ID must be specified to create a new enrollment."}'

async function post(headers: Record<string, string>, body?: string | Buffer): Promise<Answered> {
  const authorization = `JWT ${await signToken({ preferred_username: bob.username })}`
  return door
    .with({ ...KEY, authorization })
    .send('POST', '/enrollment', { headers, ...(body !== undefined && { body }) })
}
