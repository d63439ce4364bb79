import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { csrfSecretOf, isSameCsrfSecret, newCsrfSecret } from '../../../../server/rest/auth/csrf-token.ts'
import { cookiesOf, CSRF, jwtCookies, sessionOf } from '../../../support/browser.ts'
import { KEY, openDoor, type Answered, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../support/seed.ts'

const TRUSTED = 'https://learning.example.org'
const NOW = new Date('2026-05-01T12:00:00Z')
const HTTPS = { 'x-forwarded-proto': 'https', host: 'lms.example.org' }

let door: Door
let bob: SeededLearner
let course: string
beforeAll(async () => {
  const env = { CORS_ORIGINS: `${TRUSTED},http://localhost:1995`, TRUST_PROXY: '127.0.0.1' }
  door = await openDoor({ env, now: () => NOW })
  bob = await addLearner(door.db)
  course = await addCourse(door.db)
})
afterAll(() => door[Symbol.asyncDispose]())

/** A change by cookies; a header that is undefined is not sent. */
async function post(headers: Record<string, string | undefined> = {}, to = door): Promise<Answered> {
  const all = { ...(await sessionOf(bob, { exp: 4_102_444_800 })), ...headers }
  const sent = Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value ? [[name, value]] : [])))
  return to.anonymous.post({ course_details: { course_id: course } }, sent)
}

const failed = (reason: string) => ({ status: 403, json: { detail: `CSRF Failed: ${reason}` } })

describe('the token of a change by cookies (rest-v1 §2.5)', () => {
  test.for([CSRF.secret, CSRF.masked])('the secret of the cookie is right: %s', async (token) => {
    expect(await post({ 'x-csrftoken': token })).toMatchObject({ status: 200, json: { user: bob.username } })
  })

  test('a masked cookie of an older Django is right too', async () => {
    const cookie = `${await jwtCookies(bob, { exp: 4_102_444_800 })}; csrftoken=${CSRF.masked}`
    expect((await post({ cookie })).status).toBe(200)
    expect((await post({ cookie, 'x-csrftoken': CSRF.secret })).status).toBe(200)
  })

  const HEADER = "CSRF token from the 'X-Csrftoken' HTTP header"
  test.for([
    [undefined, 'CSRF token missing.'],
    [CSRF.wrong, `${HEADER} incorrect.`],
    ['A'.repeat(32), `${HEADER} incorrect.`],
    [`${'b'.repeat(32)}${'a'.repeat(32)}`, `${HEADER} incorrect.`],
    ['a'.repeat(31), `${HEADER} has incorrect length.`],
    ['a'.repeat(65), `${HEADER} has incorrect length.`],
    [`${'a'.repeat(31)}!`, `${HEADER} has invalid characters.`],
  ] as const)('the header %s is refused', async ([token, reason]) => {
    expect(await post({ 'x-csrftoken': token })).toMatchObject(failed(reason))
    expect(await post({ 'x-csrftoken': token, ...KEY })).toMatchObject(failed(reason))
  })

  test.for([
    ['', 'CSRF cookie not set.'],
    ['; csrftoken=', 'CSRF cookie has incorrect length.'],
    ['; csrftoken=short', 'CSRF cookie has incorrect length.'],
    [`; csrftoken=${'-'.repeat(32)}`, 'CSRF cookie has invalid characters.'],
  ] as const)('the cookie %o is refused', async ([cookie, reason]) => {
    const answer = await post({ cookie: `${await jwtCookies(bob, { exp: 4_102_444_800 })}${cookie}` })
    expect(answer).toMatchObject(failed(reason))
    expect(answer.headers.allow).toBe('GET, POST, HEAD, OPTIONS')
    expect(answer.headers).not.toHaveProperty('www-authenticate')
  })

  test('is not asked for by whoever shows a token in a header, or a key', async () => {
    const body = { user: bob.username, course_details: { course_id: course } }
    expect((await door.as(bob, { exp: 4_102_444_800 }).post(body)).status).toBe(200)
    expect((await door.server.post(body)).status).toBe(200)
  })

  test.for(['GET', 'HEAD', 'OPTIONS'])('is not asked for by %s', async (method) => {
    const headers = { cookie: await jwtCookies(bob, { exp: 4_102_444_800 }), 'use-jwt-cookie': 'true' }
    expect((await door.anonymous.send(method, '/enrollment', { headers })).status).toBe(200)
  })

  test.for(['PUT', 'DELETE', 'PATCH'])('is asked for before the method is judged: %s', async (method) => {
    const headers = { cookie: await jwtCookies(bob, { exp: 4_102_444_800 }), 'use-jwt-cookie': 'true' }
    expect(await door.anonymous.send(method, '/enrollment', { headers })).toMatchObject(failed('CSRF cookie not set.'))
    expect((await door.anonymous.send(method, '/enrollment', { headers: await sessionOfBob() })).status).toBe(405)
  })

  test('is asked for after the token of the pair is judged, and before permission', async () => {
    const { cookie, ...rest } = await sessionOfBob()
    const expired = { ...rest, cookie: cookie.replace(/signature=[^;]*/, 'signature=x'), 'x-csrftoken': CSRF.wrong }
    expect((await door.anonymous.send('POST', '/enrollment', { headers: expired })).status).toBe(401)
    const headers = { ...rest, cookie, 'x-csrftoken': CSRF.wrong }
    const answer = await door.anonymous.send('POST', '/enrollment_allowed/', { headers })
    expect(answer).toMatchObject(failed(`${HEADER} incorrect.`))
  })

  const sessionOfBob = () => sessionOf(bob, { exp: 4_102_444_800 })
})

describe('where a change by cookies comes from (rest-v1 §2.5)', () => {
  const ORIGIN = 'does not match any trusted origins.'
  test.for([
    ['http://localhost:80', {}, null],
    ['http://localhost', { host: 'localhost' }, null],
    ['https://lms.example.org', HTTPS, null],
    [TRUSTED, HTTPS, null],
    [TRUSTED, {}, null],
    ['http://localhost:1995', {}, null],
    ['http://localhost:1995', HTTPS, 'http://localhost:1995'],
    ['http://lms.example.org', HTTPS, 'http://lms.example.org'],
    ['https://learning.example.org.evil.example', HTTPS, 'https://learning.example.org.evil.example'],
    ['https://evil.example', {}, 'https://evil.example'],
    ['null', HTTPS, 'null'],
  ] as const)('the origin %s, with %j', async ([origin, headers, refused]) => {
    const answer = await post({ ...headers, origin })
    if (refused === null) expect(answer.status).toBe(200)
    else expect(answer).toMatchObject(failed(`Origin checking failed - ${refused} ${ORIGIN}`))
  })

  test.for([
    [undefined, 'no Referer.'],
    ['garbage', 'Referer is malformed.'],
    ['about:blank', 'Referer is malformed.'],
    ['http://lms.example.org/', 'Referer is insecure while host is secure.'],
    ['https://evil.example/x', `https://evil.example/x ${ORIGIN}`],
    ['https://lms.example.org:8443/x', `https://lms.example.org:8443/x ${ORIGIN}`],
    ['https://lms.example.org/courses', null],
    [`${TRUSTED}/dashboard`, null],
  ] as const)('over HTTPS without an origin, the referer %s', async ([referer, reason]) => {
    const answer = await post({ ...HTTPS, referer })
    if (reason === null) expect(answer.status).toBe(200)
    else expect(answer).toMatchObject(failed(`Referer checking failed - ${reason}`))
  })

  test('an allow-listed place skips the check of the referer, and not that of the token', async () => {
    for (const from of [{ origin: TRUSTED }, { referer: `${TRUSTED}/` }]) {
      const answer = await post({ ...HTTPS, ...from, 'x-csrftoken': undefined })
      expect(answer).toMatchObject(failed('CSRF token missing.'))
    }
  })

  test('the referer does not count without HTTPS, nor beside an origin', async () => {
    expect((await post({ referer: 'https://evil.example/' })).status).toBe(200)
    expect((await post({ ...HTTPS, origin: TRUSTED, referer: 'https://evil.example/' })).status).toBe(200)
  })

  test('HTTPS is what a trusted proxy says, and nobody else', async () => {
    await using alone = await openDoor({ now: () => NOW })
    await addCourse(alone.db, { course_key: course })
    expect((await post(HTTPS, alone)).status).toBe(200)
    expect(await post({ ...HTTPS, origin: TRUSTED }, alone)).toMatchObject(
      failed(`Origin checking failed - ${TRUSTED} ${ORIGIN}`),
    )
    const [cookie] = cookiesOf(await alone.server.get('/enrollment', HTTPS))
    expect(cookie).not.toContain('Secure')
  })
})

test('whatever the headers of a browser say, the answer is one of the contract', async () => {
  const text = fc.string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code < 0x7f || code > 0x9f)
      .map(String.fromCharCode),
  })
  const value = fc.oneof(
    text,
    fc.constantFrom(CSRF.secret, CSRF.masked, TRUSTED, 'https://lms.example.org', 'https://['),
  )
  const names = ['origin', 'referer', 'x-csrftoken', 'host', 'x-forwarded-proto', 'x-forwarded-host', 'use-jwt-cookie']
  const headers = fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] })
  await fc.assert(
    fc.asyncProperty(headers, fc.option(text), async (sent, cookie) => {
      const { cookie: good } = await sessionOf(bob, { exp: 4_102_444_800 })
      const { status, json } = await post({ ...sent, cookie: cookie === null ? good : `${cookie}; ${good}` })
      expect([200, 401, 403]).toContain(status)
      if (status !== 200) expect(Object.keys(json)).toEqual(['detail'])
    }),
    { numRuns: 200 },
  )
})

describe('the cookie with the secret (rest-v1 §2.5)', () => {
  const paths = ['/enrollment', '/roles/', '/enrollment/course-v1:a+b+c', '/enrollment/someone,course-v1:a+b+c']

  test.for(paths)('is set by GET %s, with the attributes of Django', async (path) => {
    const answer = await door.as(bob, { exp: 4_102_444_800 }).get(path)
    const attributes = 'Max-Age=31449600; Path=/; Expires=Fri, 30 Apr 2027 12:00:00 GMT; SameSite=Lax'
    const [cookie, ...others] = cookiesOf(answer)
    expect(cookie).toMatch(new RegExp(`^csrftoken=[a-zA-Z0-9]{32}; ${attributes}$`))
    expect(others).toEqual([])
    expect(answer.headers.vary).toContain('Cookie')
  })

  test('is secure over HTTPS', async () => {
    const [cookie] = cookiesOf(await door.server.get('/enrollment', HTTPS))
    expect(cookie?.split('; ').toSorted()).toContain('Secure')
  })

  test('is set by HEAD too, and by nothing else', async () => {
    expect(cookiesOf(await door.server.send('HEAD', '/enrollment'))).toHaveLength(1)
    const without: [string, string][] = [
      ['OPTIONS', '/enrollment'],
      ['POST', '/enrollment'],
      ['PUT', '/enrollment'],
      ['GET', `/course/${course}`],
      ['GET', '/enrollment/nokey'],
    ]
    for (const [method, path] of without) expect(cookiesOf(await door.server.send(method, path))).toEqual([])
    expect(cookiesOf(await door.anonymous.get('/enrollment'))).toEqual([])
    const staff = door.as(bob, { exp: 4_102_444_800, administrator: true })
    for (const path of ['/enrollments', '/enrollment_allowed/']) expect(cookiesOf(await staff.get(path))).toEqual([])
  })

  test.for([
    [CSRF.secret, CSRF.secret],
    [CSRF.masked, CSRF.secret],
  ] as const)('keeps the secret that a browser has: %s', async ([known, kept]) => {
    const answer = await door.server.get('/enrollment', { cookie: `csrftoken=${known}` })
    expect(cookiesOf(answer)[0]).toMatch(new RegExp(`^csrftoken=${kept};`))
  })

  test.for(['short', '-'.repeat(32), ''])('replaces what is none: %o', async (known) => {
    const answer = await door.server.get('/enrollment', { cookie: `csrftoken=${known}` })
    expect(cookiesOf(answer)[0]).toMatch(/^csrftoken=[a-zA-Z0-9]{32};/)
  })

  test('is a new one for each browser', async () => {
    const [one, two] = await Promise.all([door.server.get('/enrollment'), door.server.get('/enrollment')])
    expect(cookiesOf(one)[0]).not.toBe(cookiesOf(two)[0])
  })

  test('example 92: from a page of another origin, what GET has set lets POST through', async () => {
    const page = { ...HTTPS, referer: `${TRUSTED}/course`, 'use-jwt-cookie': 'true' }
    const cookies = await jwtCookies(bob, { exp: 4_102_444_800 })
    const read = await door.anonymous.get(`/enrollment/${course}`, { ...page, cookie: cookies })
    const secret = /^csrftoken=([^;]+)/.exec(cookiesOf(read)[0] ?? '')?.[1] ?? ''
    expect(secret).not.toBe('')
    const headers = { ...page, cookie: `${cookies}; csrftoken=${secret}`, 'x-csrftoken': secret }
    const answer = await door.anonymous.post({ course_details: { course_id: course } }, headers)
    expect(answer).toMatchObject({ status: 200, json: { user: bob.username, is_active: true } })
  })
})

describe('the masked form', () => {
  const SECRET = 'Zz09aA5mQk3rT7uVwXyB2cD4eF6gH8iJ'
  // As Django's `_mask_cipher_secret` makes it.
  const MASKED = 'u8jzPde0IgxLd6GncfBAepfJBd0Kh8oOjx9yPD9coqq2W308y2Z16rIDFIWQO6wn'

  test('is the mask, and the secret moved on by it', () => {
    expect(csrfSecretOf(MASKED)).toBe(SECRET)
    expect(csrfSecretOf(SECRET)).toBe(SECRET)
    // From the first letter back to the last one.
    expect(csrfSecretOf(`${'b'.repeat(32)}${'b'.repeat(31)}a`)).toBe(`${'a'.repeat(31)}9`)
  })

  test('secrets are made of 62 letters and digits, each one new', () => {
    const secrets = Array.from({ length: 200 }, newCsrfSecret)
    expect(new Set(secrets).size).toBe(200)
    expect(new Set(secrets.join('')).size).toBe(62)
    expect(secrets.every((secret) => isSameCsrfSecret(secret, secret))).toBe(true)
    expect(isSameCsrfSecret(secrets[0] ?? '', secrets[1] ?? '')).toBe(false)
  })
})
