import type { FastifyInstance } from 'fastify'
import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { PrivateRequest } from '../../../server/listeners.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { readExposition, scrape, type Scrape } from '../../support/metrics.ts'
import { buildTestApp, openTestServer } from '../../support/server.ts'
import { openSilentProxy } from '../../support/silent-proxy.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database

describe('/metrics', () => {
  test('is on the private listener, without a token, for GET and HEAD', async () => {
    await using server = await openTestServer(buildTestApp({ db }))
    const answer = await fetch(`${server.internal}/metrics`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=/)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(readExposition(await answer.text()).names.size).toBeGreaterThan(20)
    const head = await fetch(`${server.internal}/metrics`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  test('is not on the public one', async () => {
    await using app = buildTestApp({ db })
    expect((await app.inject('/metrics')).statusCode).toBe(404)
    expect((await app.inject({ url: '/metrics', method: 'POST', Request: PrivateRequest })).statusCode).toBe(404)
  })

  test('of each server of a process are its own', async () => {
    await using one = buildTestApp({ db })
    await using other = buildTestApp({ db })
    await one.inject('/healthz')
    const route = { route: '/healthz' }
    expect((await scrape(one)).value('enrollment_http_requests_total', route)).toBe(1)
    expect((await scrape(other)).value('enrollment_http_requests_total', route)).toBeUndefined()
  })

  test('tell of the pool and of the process', async () => {
    await using pool = openDatabase({ connectionString: database.connectionString, poolSize: 3, maxWaitingCalls: 77 })
    await using app = buildTestApp({ db: pool })
    await untilUp(app) // Opens the first connection.
    const { value } = await untilUp(app)
    expect(value('enrollment_database_connections')).toBeGreaterThan(0)
    expect(value('enrollment_database_connections_limit')).toBe(3)
    expect(value('enrollment_database_waiting')).toBe(0)
    expect(value('enrollment_calls')).toBe(0)
    expect(value('enrollment_calls_limit')).toBe(77)
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1_000_000)
    expect(value('process_cpu_seconds_total')).toBeGreaterThan(0)
  })

  test('are answered while the database is silent, and tell so', async () => {
    await using proxy = await openSilentProxy(database.connectionString)
    // Nothing but the scrape itself may end the waiting.
    await using pool = openDatabase({
      connectionString: proxy.url,
      statementTimeoutMs: 0,
      connectionTimeoutMs: 600_000,
    })
    await using app = buildTestApp({ db: pool })
    await untilUp(app)
    proxy.silence()
    for (let n = 0; n < 3; n += 1) {
      const { value } = await scrape(app)
      expect(value('enrollment_database_up')).toBe(0)
      expect(value('enrollment_consumer_lag_events')).toBeUndefined()
    }
    // All of them together wait on one connection.
    expect((await scrape(app)).value('enrollment_database_connections', { state: 'busy' })).toBeLessThanOrEqual(1)
    proxy.resume()
    await untilUp(app)
  })
})

/** A scrape waits for the database only for a moment: on a machine that stands still for as long one tells that it is away. */
function untilUp(app: FastifyInstance): Promise<Scrape> {
  return eventually(async () => {
    const read = await scrape(app)
    expect(read.value('enrollment_database_up')).toBe(1)
    return read
  })
}
