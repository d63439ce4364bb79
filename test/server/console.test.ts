import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { consoleExtension } from '../../console/extension.ts'
import { builtInExtensions } from '../../server/extensions.ts'
import { SESSION_S } from '../../server/console/session.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const TOKEN = 'token-of-enterprise'
const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' }
const CALL = '/trpc/course.get?input=%7B%22courseId%22%3A%22course-v1%3Aa%2Bb%2Bc%22%7D'

let database: TestDatabase
let server: Awaited<ReturnType<typeof openTestServer>>
let now = new Date('2026-03-04T05:06:07Z')
beforeAll(async () => {
  database = await createTestDatabase()
  const extensions = [...builtInExtensions, consoleExtension]
  server = await openTestServer(buildTestApp({ db: database.db, extensions, now: () => now }))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const ask = (path: string, options: RequestInit = {}) => fetch(`${server.internal}${path}`, options)

function signIn(token: string, headers: Record<string, string> = SAME_ORIGIN): Promise<Response> {
  const body = JSON.stringify({ token })
  return ask('/console/session', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
}

async function cookie(): Promise<string> {
  const answer = await signIn(TOKEN)
  return answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
}

describe('the page', () => {
  test('is on the private listener at every view, under a strict policy', async () => {
    for (const path of ['/console', '/console/', '/console/jobs/abc', '/console/courses/course-v1%3Aa%2Bb%2Bc']) {
      const answer = await ask(path)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
      const policy = answer.headers.get('content-security-policy')
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';/)
      expect(policy).not.toContain('unsafe')
      expect(policy).toContain(`frame-ancestors 'none'`)
    }
  })

  test.each(['/console', '/console/', '/console/jobs', '/console/session', '/console/assets/console.js'])(
    'is not on the public one: %s',
    async (path) => {
      expect((await fetch(`${server.url}${path}`)).status).toBe(404)
      expect((await fetch(`${server.url}${path}`, { method: 'POST' })).status).toBe(404)
    },
  )

  test('is asked for again only when it has changed', async () => {
    const { headers } = await ask('/console/assets/console.js')
    const etag = headers.get('etag') ?? ''
    expect(headers.get('cache-control')).toBe('no-cache')
    expect((await ask('/console/assets/console.js', { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await ask('/console/assets/console.js', { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
  })

  test.each(['nothing.js', '..%2F..%2Fpackage.json', '%2Fetc%2Fpasswd'])('has no other files: %s', async (name) => {
    expect((await ask(`/console/assets/${name}`)).status).toBe(404)
  })
})

describe('signing in', () => {
  test('gives a cookie that no script and no other site can use, for twelve hours', async () => {
    const answer = await signIn(TOKEN)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ name: 'enterprise' })
    const [set = ''] = answer.headers.getSetCookie()
    expect(set).toMatch(/^enrollment_console=[\w.-]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/)
    expect(set).not.toContain(TOKEN)
  })

  test.each([
    ['a wrong token', 401, JSON.stringify({ token: 'guess' })],
    ['no token', 400, '{}'],
    ['an empty one', 400, JSON.stringify({ token: ' ' })],
    ['no JSON', 400, '{'],
    ['a long one', 413, JSON.stringify({ token: 'x'.repeat(5_000) })],
  ])('with %s is refused', async (_, status, body) => {
    const headers = { 'content-type': 'application/json', ...SAME_ORIGIN }
    const answer = await ask('/console/session', { method: 'POST', headers, body })
    expect(answer.status).toBe(status)
    expect(answer.headers.getSetCookie()).toEqual([])
  })

  test.each<[string, Record<string, string>]>([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['another origin', { origin: 'https://evil.example' }],
    ['nobody knows where', {}],
  ])('from %s is refused', async (_, headers) => {
    expect((await signIn(TOKEN, headers)).status).toBe(403)
  })

  test('wrong tokens are slowed down, and right ones are not', async () => {
    for (let guess = 0; guess < 25; guess += 1) await signIn(`guess ${guess}`)
    const started = performance.now()
    const slow = signIn('another guess')
    expect((await signIn(TOKEN)).status).toBe(200)
    const quick = performance.now() - started
    expect((await slow).status).toBe(401)
    expect(performance.now() - started).toBeGreaterThan(Math.max(quick, 900))
  })

  test('ends by signing out', async () => {
    const answer = await ask('/console/session', { method: 'DELETE', headers: SAME_ORIGIN })
    expect(answer.status).toBe(204)
    expect(answer.headers.getSetCookie()[0]).toMatch(
      /^enrollment_console=; Max-Age=0; Path=\/; HttpOnly; SameSite=Strict$/,
    )
    const foreign = await ask('/console/session', { method: 'DELETE', headers: { 'sec-fetch-site': 'cross-site' } })
    expect(foreign.status).toBe(403)
  })
})

describe('a session', () => {
  test.each<[string, () => Record<string, string>, number]>([
    ['of a page of this server', () => SAME_ORIGIN, 404],
    ['of one that says its origin', () => ({ origin: server.internal }), 404],
    ['of one that says its address', () => ({ referer: `${server.internal}/console/jobs` }), 404],
    ['sent by another site', () => ({ 'sec-fetch-site': 'cross-site' }), 401],
    ['sent by a subdomain', () => ({ 'sec-fetch-site': 'same-site' }), 401],
    ['opened by hand', () => ({ 'sec-fetch-site': 'none' }), 401],
    ['sent from another origin', () => ({ origin: 'http://127.0.0.1:1' }), 401],
    ['with an origin that is hidden', () => ({ origin: 'null' }), 401],
    ['of nobody knows where', () => ({}), 401],
  ])('%s calls the typed API, or does not', async (_, headers, status) => {
    const answer = await ask(CALL, { headers: { cookie: await cookie(), ...headers() } })
    expect(answer.status).toBe(status)
  })

  test.each<[string, Record<string, string>]>([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['another origin', { origin: 'https://evil.example' }],
    ['nobody knows where', {}],
  ])('changes nothing for %s', async (_, headers) => {
    const withCookie = { cookie: await cookie(), ...headers }
    const before = await database.db.selectFrom('bulk_uploads').select('id').execute()
    expect((await ask('/bulk/uploads', { method: 'POST', headers: withCookie, body: 'username' })).status).toBe(401)
    const call = JSON.stringify({ source: { csv: 'username,course_id' } })
    const json = { ...withCookie, 'content-type': 'application/json' }
    expect((await ask('/trpc/bulk.start', { method: 'POST', headers: json, body: call })).status).toBe(401)
    expect((await ask('/trpc/events.watch?input=%7B%7D', { headers: withCookie })).status).toBe(401)
    expect(await database.db.selectFrom('bulk_uploads').select('id').execute()).toEqual(before)
    expect(await database.db.selectFrom('bulk_jobs').select('id').execute()).toEqual([])
  })

  test('a token in the address is none', async () => {
    for (const path of [`/console/session?token=${TOKEN}`, `${CALL}&token=${TOKEN}`, `${CALL}&access_token=${TOKEN}`]) {
      expect((await ask(path, { headers: SAME_ORIGIN })).status).toBe(401)
    }
  })

  test('reads who is signed in', async () => {
    const answer = await ask('/console/session', { headers: { cookie: await cookie(), ...SAME_ORIGIN } })
    expect(await answer.json()).toEqual({ name: 'enterprise' })
    expect((await ask('/console/session', { headers: SAME_ORIGIN })).status).toBe(401)
  })

  test('does not help where a wrong token is shown', async () => {
    const headers = { cookie: await cookie(), authorization: 'Bearer guess', ...SAME_ORIGIN }
    expect((await ask(CALL, { headers })).status).toBe(401)
  })

  test('is over after twelve hours', async () => {
    const headers = { cookie: await cookie(), ...SAME_ORIGIN }
    const began = now
    now = new Date(began.getTime() + SESSION_S * 1_000 - 1_000)
    expect((await ask(CALL, { headers })).status).toBe(404)
    now = new Date(began.getTime() + SESSION_S * 1_000)
    expect((await ask(CALL, { headers })).status).toBe(401)
    now = began
  })

  test('cannot be made up, or made longer', async () => {
    const [, session = ''] = (await cookie()).split('=')
    const [until = '', nonce = '', signature = ''] = session.split('.')
    const made = [
      `${Number(until) + 1}.${nonce}.${signature}`,
      `${until}.${nonce}.${'A'.repeat(43)}`,
      `${until}.${nonce}.`,
      `${until}.${nonce}`,
      '',
    ]
    for (const value of made) {
      const headers = { cookie: `enrollment_console=${value}`, ...SAME_ORIGIN }
      expect((await ask(CALL, { headers })).status).toBe(401)
    }
  })

  test('holds in another process, and ends with its token', async () => {
    const headers = { cookie: await cookie(), ...SAME_ORIGIN }
    const { consoleSessions } = await import('../../server/console/session.ts')
    const [, session = ''] = headers.cookie.split('=')
    expect(
      consoleSessions(
        new Map([
          ['other', 'ops'],
          [TOKEN, 'enterprise'],
        ]),
      ).callerOf(session, now),
    ).toBe('enterprise')
    expect(consoleSessions(new Map([['other', 'ops']])).callerOf(session, now)).toBeUndefined()
  })
})
