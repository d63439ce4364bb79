import { afterAll, beforeAll, expect, test } from 'vitest'
import { FREE } from '../../server/wrong-credentials.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { signToken } from '../support/rest.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

let database: TestDatabase
let server: Awaited<ReturnType<typeof openTestServer>>
beforeAll(async () => {
  database = await createTestDatabase()
  server = await openTestServer(
    buildTestApp({ db: database.db, env: { RATE_LIMIT_USER: '1000/s', TRUST_PROXY: '127.0.0.1' } }),
  )
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

test.for<[string, () => string, string, Record<string, string>, Record<string, string>]>([
  [
    'API keys',
    () => server.url,
    '/api/enrollment/v1/enrollment',
    { 'x-edx-api-key': 'guess' },
    { 'x-edx-api-key': 'api-key' },
  ],
  [
    'JWTs',
    () => server.url,
    '/api/enrollment/v1/roles/',
    { authorization: 'JWT a.b.c' },
    { 'x-edx-api-key': 'api-key' },
  ],
  [
    'tokens of the private listener',
    () => server.internal,
    '/trpc/course.get?input=%7B%22courseId%22%3A%22course-v1%3Aa%2Bb%2Bc%22%7D',
    { authorization: 'Bearer guess' },
    { authorization: 'Bearer token-of-enterprise' },
  ],
])('wrong %s are slowed down, by network, and right ones are not', async ([what, url, path, wrong, right]) => {
  const ask = async (headers: Record<string, string>, network: string) => {
    const started = performance.now()
    const address = `2001:db8:${what.length}:${network}::${Math.floor(Math.random() * 9_000)}`
    const { status } = await fetch(`${url()}${path}`, { headers: { ...headers, 'x-forwarded-for': address } })
    return { status, milliseconds: performance.now() - started }
  }
  // One after another, each from another address of the same network.
  for (let index = 0; index < FREE; index += 1) expect((await ask(wrong, '1')).status).toBe(401)
  const slow = [await ask(wrong, '1'), await ask(wrong, '1'), await ask(wrong, '1'), await ask(wrong, '1')]
  expect(slow.map(({ status }) => status)).toEqual([401, 401, 401, 401])
  for (const [index, { milliseconds }] of slow.entries()) expect(milliseconds).toBeGreaterThan(50 * 2 ** index - 5)
  // The right one is answered while the wrong ones still wait, unless the machine stands still for as long: not each time.
  const isFirst: boolean[] = []
  while (isFirst.length < 8 && !isFirst.includes(true)) {
    const waiting = Array.from({ length: 5 }, () => ask(wrong, '1'))
    expect((await ask(right, '1')).status).not.toBe(401)
    isFirst.push((await Promise.race([...waiting, Promise.resolve('waiting')])) === 'waiting')
    await Promise.all(waiting)
  }
  expect(isFirst).toContain(true)
})

test('a token that has expired is no guess, however often it comes', async () => {
  const headers = {
    authorization: `JWT ${await signToken({ preferred_username: 'late', exp: 1 })}`,
    'x-forwarded-for': '2001:db8:77::1',
  }
  const started = performance.now()
  for (let index = 0; index < FREE + 12; index += 1) {
    expect((await fetch(`${server.url}/api/enrollment/v1/roles/`, { headers })).status).toBe(401)
  }
  // As guesses the last twelve alone would be held back for 8.5 s.
  expect(performance.now() - started).toBeLessThan(8_000)
})
