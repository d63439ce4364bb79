import type { LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { PrivateRequest } from '../../../server/listeners.ts'
import { buildTestApp } from '../../support/server.ts'

const PAGE = 'https://learning.example.org'
const URL = '/api/enrollment/v1/enrollment'

// No database is there: whatever is answered here needs none.
const db = openDatabase({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
const app = buildTestApp({ db, env: { CORS_ORIGINS: `${PAGE}, http://localhost:1995`, RATE_LIMITS: 'off' } })
const closed = buildTestApp({ db, env: { RATE_LIMITS: 'off' } })
beforeAll(async () => {
  await app.ready()
})
afterAll(async () => {
  await Promise.all([app.close(), closed.close()])
  await db.destroy()
})

const asks = (method: string) => ({
  'access-control-request-method': method,
  'access-control-request-headers': 'content-type,use-jwt-cookie,x-csrftoken',
})

/** The headers by which a server lets pages of other origins in. */
function corsHeaders({ headers }: LightMyRequestResponse): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')))
}

describe('a preflight', () => {
  test.for([PAGE, 'http://localhost:1995'])(
    'of %s is answered before anybody is asked who they are',
    async (origin) => {
      const answer = await app.inject({ method: 'OPTIONS', url: URL, headers: { origin, ...asks('POST') } })
      expect(answer.statusCode).toBe(204)
      expect(answer.body).toBe('')
      expect(corsHeaders(answer)).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-max-age': '86400',
      })
      expect(answer.headers.vary).toContain('Origin')
      const headers = String(answer.headers['access-control-allow-headers']).toLowerCase().split(', ')
      expect(headers).toEqual(
        expect.arrayContaining(['use-jwt-cookie', 'x-csrftoken', 'authorization', 'content-type', 'accept']),
      )
      const methods = String(answer.headers['access-control-allow-methods']).split(', ')
      expect(methods).toEqual(expect.arrayContaining(['GET', 'POST', 'DELETE']))
    },
  )

  test('of a path that is encoded badly, or is the bulk route', async () => {
    for (const url of ['/api/enrollment/v1/enrollment/%zz', '/api/bulk_enroll/v1/bulk_enroll']) {
      const answer = await app.inject({ method: 'OPTIONS', url, headers: { origin: PAGE, ...asks('POST') } })
      expect(answer.statusCode).toBe(204)
    }
  })

  test('with a broken token is answered all the same', async () => {
    const headers = { origin: PAGE, authorization: 'JWT broken', ...asks('GET') }
    expect((await app.inject({ method: 'OPTIONS', url: URL, headers })).statusCode).toBe(204)
  })
})

describe('an answer', () => {
  test('to a listed page may be read by it, also when it is a refusal', async () => {
    for (const [headers, status] of [
      [{}, 401],
      [{ authorization: 'JWT broken' }, 401],
      [{ accept: 'text/html' }, 406],
      [{ 'x-edx-api-key': 'api-key' }, 503],
    ] as const) {
      const answer = await app.inject({ method: 'GET', url: URL, headers: { origin: PAGE, ...headers } })
      expect(answer.statusCode).toBe(status)
      expect(corsHeaders(answer)).toEqual({
        'access-control-allow-origin': PAGE,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'Retry-After',
      })
    }
  })

  test.for([
    'https://evil.example',
    'https://learning.example.org.evil.example',
    'http://learning.example.org',
    'https://learning.example.org:8443',
    'https://LEARNING.example.org',
    'null',
    '*',
    '',
  ])('to %o has no header of CORS', async (origin) => {
    for (const headers of [asks('POST'), {}]) {
      const answer = await app.inject({ method: 'OPTIONS', url: URL, headers: { origin, ...headers } })
      expect(answer.statusCode).toBe(401)
      expect(corsHeaders(answer)).toEqual({})
      expect(answer.headers.vary).toContain('Origin')
    }
    expect(corsHeaders(await app.inject({ method: 'GET', url: URL, headers: { origin } }))).toEqual({})
  })

  test('to whoever names no origin has none either', async () => {
    expect(corsHeaders(await app.inject({ method: 'GET', url: URL }))).toEqual({})
  })
})

test('OPTIONS that is no preflight goes to the route, with the headers of its origin', async () => {
  const answer = await app.inject({ method: 'OPTIONS', url: URL, headers: { origin: PAGE } })
  expect(answer.statusCode).toBe(401)
  expect(answer.headers.allow).toBe('GET, POST, HEAD, OPTIONS')
  expect(corsHeaders(answer)).toMatchObject({ 'access-control-allow-origin': PAGE })
})

test('OPTIONS that names no method is no preflight', async () => {
  const headers = { origin: PAGE, 'access-control-request-method': '' }
  const answer = await app.inject({ method: 'OPTIONS', url: URL, headers })
  expect(answer.statusCode).toBe(401)
  expect(answer.json()).toEqual({ detail: 'Authentication credentials were not provided.' })
})

test('an unknown path is 404 for everybody', async () => {
  for (const method of ['GET', 'OPTIONS'] as const) {
    const answer = await app.inject({ method, url: '/nothing', headers: { origin: 'https://evil.example' } })
    expect(answer.statusCode).toBe(404)
    expect(answer.json()).toEqual({ detail: 'Not found.' })
  }
})

test('the private side lets no page in', async () => {
  for (const method of ['OPTIONS', 'GET'] as const) {
    for (const url of ['/trpc/course.get', '/healthz', URL, '/nothing']) {
      const headers = { origin: PAGE, ...asks('POST') }
      const answer = await app.inject({ method, url, headers, Request: PrivateRequest })
      expect(corsHeaders(answer), `${method} ${url}`).toEqual({})
    }
  }
})

test('without CORS_ORIGINS no page is let in', async () => {
  const headers = { origin: PAGE, ...asks('POST') }
  const preflight = await closed.inject({ method: 'OPTIONS', url: URL, headers })
  expect(preflight.statusCode).toBe(401)
  expect(corsHeaders(preflight)).toEqual({})
  expect(corsHeaders(await closed.inject({ method: 'GET', url: URL, headers: { origin: PAGE } }))).toEqual({})
})
