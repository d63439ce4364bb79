import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'node:http'
import { afterAll, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { addCourse } from '../support/seed.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

// The private listener works with so many bytes of bodies at a time; further requests wait before theirs are read (rpc §1).

const database = await createTestDatabase()
const app = buildTestApp({ db: database.db, env: { REQUEST_DEADLINE: '2s' } })
const server = await openTestServer(app)
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const MEGABYTE = 1_048_576

/** Announces a body, and sends it when it is told to. */
function announce(size: number) {
  const headers = {
    authorization: 'Bearer token-of-enterprise',
    'content-type': 'application/json',
    'content-length': size,
  }
  const { promise, resolve } = Promise.withResolvers<{ status: number; retryAfter: string | undefined; text: string }>()
  const sent = request(`${server.internal}/trpc/enrollment.enrollMany`, { method: 'POST', headers, agent: false })
  sent.on('error', () => {})
  sent.on('response', (response) => {
    let text = ''
    response.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const {
      statusCode = 0,
      headers: { 'retry-after': retryAfter },
    } = response
    response.on('close', () => resolve({ status: statusCode, retryAfter, text }))
  })
  sent.flushHeaders()
  return { answer: promise, send: (text: string) => sent.end(text.padEnd(size)), leave: () => sent.destroy() }
}

test('who waits longer than the deadline is refused; short bodies pass; room is given back', async () => {
  const courseId = await addCourse(database.db)
  const batch = JSON.stringify({ items: [{ username: 'nobody', courseId }] })
  const large = announce(15 * MEGABYTE)
  await sleep(100)
  const late = announce(2 * MEGABYTE)
  const short = announce(1_000)
  short.send(batch)
  expect((await short.answer).status).toBe(200)
  const { status, retryAfter, text } = await late.answer
  expect([status, retryAfter]).toEqual([503, '2'])
  expect(JSON.parse(text)).toMatchObject({ error: { data: { code: 'SERVICE_UNAVAILABLE' } } })
  const next = announce(2 * MEGABYTE)
  large.leave()
  next.send(batch)
  expect((await next.answer).status).toBe(200)
})
