import { connect } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { PrivateRequest } from '../../../server/listeners.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { scrape } from '../../support/metrics.ts'
import { KEY, signToken } from '../../support/rest.ts'
import { addLearner } from '../../support/seed.ts'
import { buildTestApp, openTestServer } from '../../support/server.ts'
import { openSilentProxy } from '../../support/silent-proxy.ts'

const REQUESTS = 'enrollment_http_requests_total'
const BEARER = { authorization: 'Bearer token-of-enterprise' }
const CUSTOMER = 'aaaaaaaa-0000-4000-8000-000000000001'

const database = await createTestDatabase()
const { db } = database
const app = buildTestApp({ db, env: { RATE_LIMIT_USER: '3/minute' } })
beforeAll(() => app.ready())
afterAll(async () => {
  await app.close()
  await database[Symbol.asyncDispose]()
})

describe('requests are counted', () => {
  test.each([
    ['/api/enrollment/v1/enrollment/bob,course-v1:a+b+c', '/api/enrollment/v1/enrollment/{username},{course_id}'],
    ['/api/enrollment/v1/enrollment/course-v1:a+b+c', '/api/enrollment/v1/enrollment/{course_id}'],
    ['/api/enrollment/v1/course/course-v1%3Aa%2Bb%2Bc', '/api/enrollment/v1/course/{course_id}'],
    ['/api/enrollment/v1/enrollment?user=bob', '/api/enrollment/v1/enrollment'],
    ['/api/enrollment/v1/nothing-here', 'unknown'],
    [
      `/enterprise/api/v1/enterprise-customer/${CUSTOMER}/enroll_learners_in_courses/`,
      '/enterprise/api/v1/enterprise-customer/{customer}/enroll_learners_in_courses',
    ],
    [
      '/enterprise/api/v1/enterprise-subsidy-fulfillment/some-text/',
      '/enterprise/api/v1/enterprise-subsidy-fulfillment/{fulfilment}',
    ],
    ['/healthz', '/healthz'],
  ])('of the public listener: %s', async (url, route) => {
    const before = (await scrape(app)).value(REQUESTS, { listener: 'public', route }) ?? 0
    const { statusCode } = await app.inject({ url, headers: KEY })
    const after = await scrape(app)
    expect(after.value(REQUESTS, { listener: 'public', route })).toBe(before + 1)
    expect(after.value(REQUESTS, { route, method: 'GET', status: String(statusCode) })).toBeGreaterThan(0)
    expect(after.value('enrollment_http_request_duration_seconds_count', { route })).toBe(
      after.value(REQUESTS, { route }),
    )
  })

  test('of the private one', async () => {
    await app.inject({ url: '/trpc/course.get?input={}', headers: BEARER, Request: PrivateRequest })
    await app.inject({ url: '/trpc/enrollment.get?input={}', headers: BEARER, Request: PrivateRequest })
    expect((await scrape(app)).value(REQUESTS, { listener: 'private', route: '/trpc/{path}', status: '400' })).toBe(2)
  })

  test('whatever a client sends, the labels have few values', async () => {
    for (let n = 0; n < 50; n += 1) {
      await app.inject({ url: `/never/heard/of/${n}` })
      await app.inject({ url: `/api/enrollment/v1/enrollment/user-${n},course-v1:a+b+${n}`, headers: KEY })
      await app.inject({ url: `/enterprise/api/v1/enterprise-subsidy-fulfillment/${n}` })
      await app.inject({ url: `/trpc/nothing.${n}`, headers: BEARER, Request: PrivateRequest })
    }
    await app.inject({ url: '/api/enrollment/v1/roles/', method: 'PROPFIND' })
    const { labels } = await scrape(app)
    expect(labels(REQUESTS, 'route').filter((route) => /\d/.test(route.replaceAll('/v1/', '')))).toEqual([])
    expect(labels(REQUESTS, 'route').length).toBeLessThan(20)
    expect(labels(REQUESTS, 'method')).toEqual(['GET', 'other'])
  })
})

describe('refusals are counted by reason', () => {
  const refusals = async (reason: string) => (await scrape(app)).value('enrollment_refusals_total', { reason })
  const course = '/api/enrollment/v1/enrollment/bob,course-v1:a+b+c'

  test('each is there from the start', async () => {
    await using other = buildTestApp({ db })
    const { labels, value } = await scrape(other)
    expect(labels('enrollment_refusals_total', 'reason').length).toBeGreaterThan(8)
    expect(value('enrollment_refusals_total')).toBe(0)
  })

  test('unauthenticated, on both listeners', async () => {
    const before = (await refusals('unauthenticated')) ?? 0
    await app.inject({ url: course })
    await app.inject({ url: '/trpc/course.get', Request: PrivateRequest })
    expect(await refusals('unauthenticated')).toBe(before + 2)
  })

  test('forbidden, and rate limited', async () => {
    const { username } = await addLearner(db)
    const headers = { authorization: `JWT ${await signToken({ preferred_username: username })}` }
    const [forbidden = 0, limited = 0] = [await refusals('forbidden'), await refusals('rate_limited')]
    await app.inject({ url: '/api/enrollment/v1/enrollments', headers })
    expect(await refusals('forbidden')).toBe(forbidden + 1)
    for (let n = 0; n < 5; n += 1) await app.inject({ url: '/api/enrollment/v1/roles/', headers })
    expect(await refusals('rate_limited')).toBe(limited + 2)
  })

  test('too large, on both listeners', async () => {
    const before = (await refusals('too_large')) ?? 0
    const headers = { ...KEY, 'content-type': 'application/json' }
    const payload = `{"a":"${'x'.repeat(2 * 1024 * 1024)}"}`
    expect(
      (await app.inject({ method: 'POST', url: '/api/enrollment/v1/enrollment', headers, payload })).statusCode,
    ).toBe(413)
    const items = Array.from({ length: 10_001 }, () => ({}))
    const call = { method: 'POST', url: '/trpc/enrollment.enrollMany', Request: PrivateRequest } as const
    expect(
      (await app.inject({ ...call, headers: { ...BEARER, 'content-type': 'application/json' }, payload: { items } }))
        .statusCode,
    ).toBe(413)
    expect(await refusals('too_large')).toBe(before + 2)
  })

  test('malformed: what is no HTTP', async () => {
    await using database = await createTestDatabase()
    const other = buildTestApp({ db: database.db })
    await using server = await openTestServer(other)
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    socket.resume()
    socket.write('no HTTP at all\r\n\r\n')
    await once(socket, 'close')
    await eventually(async () => {
      expect((await scrape(other)).value('enrollment_refusals_total', { reason: 'malformed' })).toBe(1)
    })
  })
})

describe('what is refused with 503 is told apart', () => {
  const input = encodeURIComponent(JSON.stringify({ username: 'bob', courseId: 'course-v1:a+b+c' }))
  const rest = { url: '/api/enrollment/v1/enrollment/bob,course-v1:a+b+c', headers: KEY }
  const rpc = { url: `/trpc/enrollment.get?input=${input}`, headers: BEARER, Request: PrivateRequest }

  test('overload: more calls than are taken', async () => {
    await using pool = openDatabase({ connectionString: database.connectionString, maxWaitingCalls: 0 })
    await using busy = buildTestApp({ db: pool, env: { RATE_LIMITS: 'off' } })
    expect((await busy.inject(rest)).statusCode).toBe(503)
    expect((await busy.inject(rpc)).statusCode).toBe(503)
    const { value } = await scrape(busy)
    expect(value('enrollment_refusals_total', { reason: 'overload' })).toBe(2)
    expect(value('enrollment_refusals_total')).toBe(2)
  })

  test('deadline: no answer in time', async () => {
    await using proxy = await openSilentProxy(database.connectionString)
    await using pool = openDatabase({ connectionString: proxy.url, requestDeadlineMs: 100 })
    await using late = buildTestApp({ db: pool, env: { RATE_LIMITS: 'off' } })
    proxy.silence()
    expect((await late.inject(rest)).statusCode).toBe(503)
    expect((await late.inject(rpc)).statusCode).toBe(503)
    const { value } = await scrape(late)
    expect(value('enrollment_refusals_total', { reason: 'deadline' })).toBe(2)
    expect(value('enrollment_refusals_total')).toBe(2)
  })

  test('unavailable: no database', async () => {
    const gone = new URL(database.connectionString)
    gone.port = '1'
    await using pool = openDatabase({ connectionString: gone.href })
    await using alone = buildTestApp({ db: pool, env: { RATE_LIMITS: 'off' } })
    expect((await alone.inject(rest)).statusCode).toBe(503)
    expect((await alone.inject(rpc)).statusCode).toBe(503)
    expect((await alone.inject('/readyz')).statusCode).toBe(503)
    const { value } = await scrape(alone)
    expect(value('enrollment_refusals_total', { reason: 'unavailable' })).toBe(2)
    expect(value('enrollment_refusals_total')).toBe(2)
    expect(value('enrollment_database_up')).toBe(0)
  })
})
