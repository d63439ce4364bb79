import { setTimeout as sleep } from 'node:timers/promises'
import { once } from 'node:events'
import { request } from 'node:http'
import { afterAll, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { addCourse } from '../support/seed.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

// The private listener works with so many bytes of bodies at a time; further requests wait before theirs are read (rpc §1).

const database = await createTestDatabase()
const serverWith = (deadline: string) =>
  openTestServer(buildTestApp({ db: database.db, env: { REQUEST_DEADLINE: deadline } }))
const [impatient, patient] = [await serverWith('1s'), await serverWith('5m')]
afterAll(async () => {
  await impatient[Symbol.asyncDispose]()
  await patient[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const MEGABYTE = 1_048_576

/** Announces a body, and sends it when it is told to. `hasBegun` once the server has seen the head. */
function announce({ internal }: typeof patient, size: number) {
  const headers = {
    authorization: 'Bearer token-of-enterprise',
    'content-type': 'application/json',
    'content-length': size,
    expect: '100-continue',
  }
  const { promise, resolve } = Promise.withResolvers<{ status: number; retryAfter: string | undefined; text: string }>()
  const sent = request(`${internal}/trpc/enrollment.enrollMany`, { method: 'POST', headers, agent: false })
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
  const hasBegun = once(sent, 'continue')
  hasBegun.catch(() => {})
  return { answer: promise, hasBegun, send: (text: string) => sent.end(text.padEnd(size)), leave: () => sent.destroy() }
}

test('who waits longer than the deadline is refused', async () => {
  const large = announce(impatient, 15 * MEGABYTE)
  await large.hasBegun
  const { status, retryAfter, text } = await announce(impatient, 2 * MEGABYTE).answer
  expect([status, retryAfter]).toEqual([503, '1'])
  expect(JSON.parse(text)).toMatchObject({ error: { data: { code: 'SERVICE_UNAVAILABLE' } } })
  large.leave()
})

test('who waits no longer is answered when room is given back; short bodies pass', async () => {
  const courseId = await addCourse(database.db)
  const batch = JSON.stringify({ items: [{ username: 'nobody', courseId }] })
  const large = announce(patient, 15 * MEGABYTE)
  await large.hasBegun
  const next = announce(patient, 2 * MEGABYTE)
  next.send(batch)
  let isAnswered = false
  void next.answer.then(() => (isAnswered = true))
  const short = announce(patient, 1_000)
  short.send(batch)
  expect((await short.answer).status).toBe(200)
  await sleep(100)
  expect(isAnswered).toBe(false)
  large.leave()
  expect((await next.answer).status).toBe(200)
})
