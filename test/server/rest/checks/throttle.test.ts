import type { JWTPayload } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Environment } from '../../../../server/config.ts'
import { eventually } from '../../../support/eventually.ts'
import { openDoor, signToken, type Answered, type Door, type RestClient } from '../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../support/seed.ts'
import { buildTestApp, openTestServer } from '../../../support/server.ts'

const FEW = { RATE_LIMITS: 'on', RATE_LIMIT_USER: '3/minute', RATE_LIMIT_STAFF: '5/minute' }

let door: Door
let course: string
beforeAll(async () => {
  door = await openDoor({ env: { RATE_LIMITS: 'on' } })
  course = await addCourse(door.db)
})
afterAll(() => door[Symbol.asyncDispose]())

describe('the rates (rest-v1 §2.4)', () => {
  test('example 25: of 42 enrollments in a row 40 are answered, and then no more', async () => {
    const bob = door.as(await addLearner(door.db))
    const answers = await inARow(42, () => bob.post({ course_details: { course_id: course } }))
    expect(statuses(answers)).toEqual([...Array.from({ length: 40 }, () => 200), 429, 429])
    const { headers, text } = answers[40] ?? {}
    const seconds = Number(headers?.['retry-after'])
    expect(seconds).toBeGreaterThan(30)
    expect(seconds).toBeLessThanOrEqual(60)
    expect(text).toBe(`{"detail":"Request was throttled. Expected available in ${seconds} seconds."}`)
    expect(headers).toMatchObject({ 'content-type': 'application/json', allow: 'GET, POST, HEAD, OPTIONS' })
  })

  test('example 26: global staff and superusers may ask 120 times', async () => {
    const claims = { administrator: true }
    const staff = door.as(await addLearner(door.db), claims)
    const answers = await inARow(122, () => staff.get('/roles/'))
    expect(counted(answers)).toEqual({ 200: 120, 429: 2 })
  })

  test('example 27: whoever has the API key is never counted', async () => {
    const learner = await addLearner(door.db)
    const post = { course_details: { course_id: course }, user: learner.username }
    expect(counted(await inARow(50, () => door.server.post(post)))).toEqual({ 200: 50 })
    expect(counted(await inARow(50, () => door.serverAs(learner).post(post)))).toEqual({ 200: 50 })
    expect(await keysOf(door)).not.toContain(`user:${learner.id}`)
    expect((await door.as(learner).get('/enrollment')).status).toBe(200)
  })

  test('the rates of the settings, and one second in the singular', async () => {
    await using quick = await openDoor({ env: { RATE_LIMITS: 'on', RATE_LIMIT_USER: '1/second' } })
    const bob = quick.as(await addLearner(quick.db))
    // On a machine that stands still for a second between them both are answered, and there is room again after another.
    const answers = await eventually(async () => {
      const both = await Promise.all([bob.get('/enrollment'), bob.get('/enrollment')])
      expect(counted(both)).toEqual({ 200: 1, 429: 1 })
      return both
    }, 1_500)
    expect(answers.find(({ status }) => status === 429)).toMatchObject({
      text: '{"detail":"Request was throttled. Expected available in 1 second."}',
      headers: { 'retry-after': '1' },
    })
  })
})

describe('who is counted as whom', () => {
  let few: Door
  let learner: SeededLearner
  beforeAll(async () => void (few = await openDoor({ env: { ...FEW, TRUST_PROXY: '127.0.0.1' } })))
  beforeEach(async () => {
    learner = await addLearner(few.db)
    await few.db.deleteFrom('throttle').execute()
  })
  afterAll(() => few[Symbol.asyncDispose]())

  test.each<[who: string, columns: object, claims: JWTPayload, limit: number]>([
    ['a learner', {}, {}, 3],
    ['an inactive learner', { is_active: false }, {}, 3],
    ['global staff by their account', { is_staff: true }, {}, 5],
    ['global staff by their token', {}, { administrator: true }, 5],
    ['a superuser by their account', { is_superuser: true }, {}, 5],
    ['a superuser by their token', {}, { superuser: true }, 5],
  ])('%s', async (_who, columns, claims, limit) => {
    const somebody = few.as(await addLearner(few.db, columns), claims)
    expect(counted(await inARow(limit + 1, () => somebody.get('/enrollment')))).toEqual({ 200: limit, 429: 1 })
  })

  test('each account has its own bucket, whatever its address', async () => {
    await use(few.as(learner), 3)
    expect((await few.as(learner).get('/enrollment', from('192.0.2.9'))).status).toBe(429)
    expect((await few.as(await addLearner(few.db)).get('/enrollment')).status).toBe(200)
  })

  test('all routes share it', async () => {
    const bob = few.as(learner)
    const paths = ['/enrollment', `/enrollment/${course}`, `/enrollment/${learner.username},${course}`]
    for (const path of paths) expect((await bob.get(path)).status).toBe(200)
    const closed = [...paths, '/roles/'].map((path) => bob.get(path))
    expect(counted(await Promise.all(closed))).toEqual({ 429: 4 })
    expect((await bob.post({ course_details: { course_id: course } })).status).toBe(429)
  })

  test('a key that is wrong lifts nothing', async () => {
    const wrong = { 'x-edx-api-key': 'wrong' }
    const answers = await inARow(4, () => few.as(learner).get('/enrollment', wrong))
    expect(counted(answers)).toEqual({ 200: 3, 429: 1 })
  })

  test('the course details count by address, also for those who are signed in and for staff (rest-v1 §6.17)', async () => {
    const address = from('192.0.2.1')
    const path = `/course/${await addCourse(few.db)}`
    const callers = [
      few.anonymous,
      few.as(learner),
      few.as(learner, { administrator: true }),
      few.with({ authorization: 'JWT wrong' }),
    ]
    const asked = callers.map((caller) => caller.get(path, address))
    expect(counted(await Promise.all(asked))).toEqual({ 200: 3, 429: 1 })
    expect((await few.anonymous.get(path, from('192.0.2.2'))).status).toBe(200)
    expect((await few.anonymous.get(path, from('::ffff:192.0.2.1'))).status).toBe(429)
    expect((await few.server.get(path, address)).status).toBe(200)
    expect((await few.as(learner).get('/enrollment', address)).status).toBe(200)
  })

  test('processes share what they know', async () => {
    const other = buildTestApp({ db: few.db, env: FEW })
    const authorization = `JWT ${await signToken({ preferred_username: learner.username })}`
    const ask = () => other.inject({ url: '/api/enrollment/v1/enrollment', headers: { authorization } })
    await use(few.as(learner), 2)
    expect((await ask()).statusCode).toBe(200)
    expect((await ask()).statusCode).toBe(429)
    expect((await few.as(learner).get('/enrollment')).status).toBe(429)
    await other.close()
  })

  test('what is refused before is not counted, what is refused after is', async () => {
    const bob = few.as(learner)
    for (let i = 0; i < 5; i += 1) {
      expect((await few.with({ authorization: 'JWT wrong' }).get('/enrollment')).status).toBe(401)
      expect((await bob.get('/enrollment', { accept: 'text/html' })).status).toBe(406)
      expect((await bob.get('/enrollments')).status).toBe(403)
      expect((await bob.get('/nowhere')).status).toBe(404)
    }
    expect(await keysOf(few)).toEqual([])
    expect((await bob.send('PUT', '/enrollment')).status).toBe(405)
    expect((await bob.post('{')).status).toBe(400)
    expect((await bob.send('OPTIONS', '/enrollment')).status).toBe(200)
    expect((await bob.send('PUT', '/enrollment')).status).toBe(429)
    expect((await bob.post('{')).status).toBe(429)
  })
})

describe('routes', () => {
  test.each<[setting: string, env: Environment, free: boolean]>([
    ['on', FEW, false],
    ['off', { ...FEW, RATE_LIMITS: 'off' }, true],
  ])('with RATE_LIMITS %s: retirement never counts, roles and allowances always do', async (_setting, env, free) => {
    await using few = await openDoor({ env })
    const fresh = async () => few.as(await addLearner(few.db, { is_staff: true, is_superuser: true }))
    const afterTen = async (path: string) => {
      const staff = await fresh()
      return (await inARow(10, () => staff.get(path))).at(-1)?.status
    }
    const id = await addCourse(few.db)
    for (const path of ['/enrollment', `/enrollment/${id}`, '/enrollments', `/course/${id}`]) {
      expect(await afterTen(path), path).toBe(free ? 200 : 429)
    }
    for (const path of ['/roles/', '/enrollment_allowed/']) expect(await afterTen(path), path).toBe(429)
    const staff = await fresh()
    const retired = await inARow(10, () => staff.postTo('/unenroll/', { username: 'nobody' }))
    expect(counted(retired)).toEqual({ 404: 10 })
  })

  test('the list of all enrollments says it in its own words (rest-v1 §3.7)', async () => {
    await using few = await openDoor({ env: FEW })
    const staff = few.as(await addLearner(few.db, { is_staff: true }))
    const answer = (await inARow(6, () => staff.get('/enrollments'))).at(-1)
    const seconds = Number(answer?.headers['retry-after'])
    expect(seconds).toBeGreaterThan(50)
    expect(answer).toMatchObject({
      status: 429,
      text: `{"developer_message":"Request was throttled. Expected available in ${seconds} seconds."}`,
    })
  })
})

describe('over a socket', () => {
  test.each([
    ['off', ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'], [200, 200, 200, 429]],
    ['10.0.0.0/8', ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'], [200, 200, 200, 429]],
    ['127.0.0.1', ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'], [200, 200, 200, 200]],
    ['127.0.0.1', ['a, 192.0.2.1', 'b, 192.0.2.1', '9.9.9.9, 192.0.2.1', '192.0.2.1'], [200, 200, 200, 429]],
    ['127.0.0.1', ['192.0.2.1:1', '192.0.2.1:2', '::ffff:192.0.2.1', '192.0.2.1'], [200, 200, 200, 429]],
  ])('with TRUST_PROXY=%s, “X-Forwarded-For: %j” is %j', async (proxies, forwarded, expected) => {
    await door.db.deleteFrom('throttle').execute()
    const app = buildTestApp({ db: door.db, env: { ...FEW, TRUST_PROXY: proxies } })
    await using server = await openTestServer(app)
    const got: number[] = []
    for (const value of forwarded) {
      const answer = await fetch(`${server.url}/api/enrollment/v1/course/${course}`, {
        headers: { 'x-forwarded-for': value, connection: 'close' },
      })
      got.push(answer.status)
    }
    expect(got).toEqual(expected)
  })
})

function from(address: string): Record<string, string> {
  return { 'x-forwarded-for': address }
}

async function inARow<T>(count: number, ask: () => Promise<T>): Promise<T[]> {
  const answers: T[] = []
  for (let i = 0; i < count; i += 1) answers.push(await ask())
  return answers
}

async function use(client: RestClient, requests: number): Promise<void> {
  expect(counted(await inARow(requests, () => client.get('/enrollment')))).toEqual({ 200: requests })
}

function statuses(answers: readonly Answered[]): number[] {
  return answers.map(({ status }) => status)
}

/** How often each status came. */
function counted(answers: readonly Answered[]): Record<string, number> {
  const groups = Object.entries(Object.groupBy(answers, ({ status }) => status))
  return Object.fromEntries(groups.map(([status, group]) => [status, group?.length ?? 0]))
}

async function keysOf({ db }: Door): Promise<string[]> {
  return (await db.selectFrom('throttle').select('key').execute()).map(({ key }) => key)
}
