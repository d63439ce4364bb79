// slow: waits for an LMS that does not answer
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { changeOwner } from '../../../core/course/change-owner.ts'
import { lmsExtension } from '../../../lms/extension.ts'
import { createCaller } from '../../../routers/index.ts'
import { readConfig } from '../../../server/config.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { signToken } from '../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../support/seed.ts'
import { buildTestApp, openTestServer, secrets } from '../../support/server.ts'
import { untilWaiting } from '../../support/waiting.ts'
import { addEnrollment, enrollmentInWords } from '../../support/world.ts'

await using undo = new AsyncDisposableStack()
const here = undo.use(await createTestDatabase())
const there = undo.use(await createTestDatabase())
const lms = undo.use(await openTestServer(buildTestApp({ db: there.db, env: { RATE_LIMITS: 'off' } })))

/** Decides what is answered in place of the LMS; false: it answers itself. */
let script: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean> = () => false
interface Seen {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: unknown
}
const seen: Seen[] = []

/** Stands before the LMS, writes down what is asked and may answer itself. */
const proxy = createServer((request, response) => {
  void passOn(request, response)
})
async function passOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '', headers } = request
  const body = method === 'POST' ? await json(request) : undefined
  seen.push({ method, url, headers, body })
  if (await script(request, response)) return
  const answer = await fetch(lms.url + url, {
    method,
    headers: { 'x-edx-api-key': String(headers['x-edx-api-key']), 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' })
  response.end(await answer.text())
}
await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve))
const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
const [apiKey = ''] = secrets.edxApiKeys

const env = { RATE_LIMITS: 'off', LMS_URL: proxyUrl, LMS_API_KEY: apiKey, LMS_FORWARD: 'on' }
const open = async (more: Record<string, string> = {}) => {
  const extensions = [lmsExtension(readConfig({ ...env, ...more }).lms)]
  return undo.use(await openTestServer(buildTestApp({ db: here.db, env, extensions })))
}
const server = await open()
/** For an LMS that never answers; whoever waits for one that does has the time that it takes on a machine that does much else. */
const impatient = await open({ LMS_TIMEOUT: '500ms' })
const stack = undo.move()
afterAll(async () => {
  proxy.closeAllConnections()
  proxy.close()
  await stack.disposeAsync()
})

const ENROLLMENT = '/api/enrollment/v1/enrollment'
const KEY = { 'x-edx-api-key': apiKey }
let courseId: string
let learner: SeededLearner
let theirs: SeededLearner
let people = 0

beforeEach(async () => {
  script = () => false
  seen.length = 0
  courseId = await addCourse(here.db, { owner: 'lms' })
  await addCourse(there.db, { course_key: courseId })
  const username = `somebody-${(people += 1)}`
  learner = await addLearner(here.db, { username, email: `${username}@example.com` })
  theirs = await addLearner(there.db, { username, email: `${username}@example.com` })
})

async function post(body: object, headers: Record<string, string> = KEY, { url } = server) {
  const sent = { 'content-type': 'application/json', ...headers }
  const answer = await fetch(url + ENROLLMENT, { method: 'POST', headers: sent, body: JSON.stringify(body) })
  return { status: answer.status, text: await answer.text(), headers: answer.headers }
}

async function token(): Promise<Record<string, string>> {
  return { authorization: `JWT ${await signToken({ preferred_username: learner.username })}` }
}

const wish = (more: object = {}) => ({ user: learner.username, course_details: { course_id: courseId }, ...more })
const stateHere = () => enrollmentInWords(here.db, learner.id, courseId)
const stateThere = () => enrollmentInWords(there.db, theirs.id, courseId)
const history = () =>
  createCaller({ db: here.db, actor: { kind: 'service', name: 'tests' } }).enrollment.history({
    username: learner.username,
    courseId,
  })

describe('a request about a course run of the LMS', () => {
  test('is answered as the LMS answers, and its outcome is here', async () => {
    const answer = await post(wish({ mode: 'verified', is_active: true }), { ...KEY, 'accept-language': 'de' })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ user: learner.username, mode: 'verified', is_active: true })
    expect([await stateThere(), await stateHere()]).toEqual(['active verified', 'active verified'])
    expect(await history()).toMatchObject([{ kind: 'created', via: 'rest', after: { mode: 'verified' } }])
    const [{ method, url, headers, body } = {} as Seen] = seen
    expect({ method, url, body }).toEqual({
      method: 'POST',
      url: ENROLLMENT,
      body: wish({ mode: 'verified', is_active: true }),
    })
    expect(headers).toMatchObject({ 'x-edx-api-key': apiKey, 'accept-language': 'de' })
    expect(headers).not.toHaveProperty('authorization')
    expect(headers).not.toHaveProperty('cookie')
    expect(await agreedVersion()).toBe(1)
  })

  test('ends an enrollment on both sides', async () => {
    await post(wish())
    expect((await post(wish({ is_active: false }))).status).toBe(200)
    expect([await stateThere(), await stateHere()]).toEqual(['inactive audit', 'inactive audit'])
    expect((await history()).map(({ kind }) => kind)).toEqual(['created', 'deactivated'])
    expect(await agreedVersion()).toBe(2)
  })

  test('is not passed on by somebody who may not ask here', async () => {
    const other = await addLearner(here.db)
    expect((await post({ ...wish(), user: other.username }, await token())).status).toBe(404)
    expect((await post(wish({ mode: 'verified' }), await token())).status).toBe(403)
    expect((await post(wish(), {})).status).toBe(401)
    expect(seen).toEqual([])
  })

  test('is not passed on where the course run is ours', async () => {
    await here.db.updateTable('courses').set({ owner: 'here' }).where('course_key', '=', courseId).execute()
    expect((await post(wish())).status).toBe(200)
    expect([seen, await stateHere(), await stateThere()]).toEqual([[], 'active audit', null])
  })

  test('names the learner who asks for themselves, and their opt-in stays here', async () => {
    const answer = await post({ course_details: { course_id: courseId }, email_opt_in: true }, await token())
    expect(answer.status).toBe(200)
    const [sent] = seen.filter(({ method }) => method === 'POST')
    expect(sent?.body).toEqual({ course_details: { course_id: courseId }, user: learner.username })
    expect(await stateHere()).toBe('active audit')
    expect(await here.db.selectFrom('email_optins').select('learner_id').execute()).toMatchObject([
      { learner_id: learner.id },
    ])
  })

  test('gives a learner no more than their own rights: what they have paid for stays', async () => {
    await addEnrollment(there.db, theirs.id, courseId, { mode: 'verified' })
    expect((await post(wish({ mode: 'audit', is_active: false }), await token())).status).toBe(200)
    expect([await stateThere(), await stateHere()]).toEqual(['active verified', 'active verified'])
  })

  test('is refused in the words of the LMS, and what it did all the same is here', async () => {
    await there.db.updateTable('courses').set({ max_enrollments: 0 }).where('course_key', '=', courseId).execute()
    const refused = await post(wish())
    expect(refused).toMatchObject({ status: 400, text: expect.stringContaining('An error occurred') })
    expect([await stateHere(), await stateThere()]).toEqual([null, null])
    await there.db.updateTable('courses').set({ max_enrollments: null }).where('course_key', '=', courseId).execute()
    expect((await post(wish({ cohort: 'nowhere' }))).status).toBe(400)
    expect([await stateHere(), await stateThere()]).toEqual(['active audit', 'active audit'])
  })
})

describe('an LMS that fails', () => {
  const answering =
    (status: number, text: string, type = 'application/json'): typeof script =>
    ({ method }, response) => {
      if (method === 'GET') return false
      response.writeHead(status, { 'content-type': type }).end(text)
      return true
    }

  test.each([
    [500, '<h1>Server Error (500)</h1>', 'text/html'],
    [500, '{"detail":"broken"}', 'application/json'],
    [409, '{"message":"busy"}', 'application/json'],
    [403, '{"message":"not you"}', 'application/json'],
  ])('with %i %s is passed on', async (status, text, type) => {
    script = answering(status, text, type)
    const answer = await post(wish())
    expect(answer).toMatchObject({ status, text })
    expect(answer.headers.get('content-type')).toBe(type)
    expect(await stateHere()).toBe(null)
  })

  test('after it has done its work: the outcome is here', async () => {
    script = async ({ method }, response) => {
      if (method === 'GET') return false
      await addEnrollment(there.db, theirs.id, courseId)
      response.writeHead(500, { 'content-type': 'application/json' }).end('{"detail":"broken"}')
      return true
    }
    expect((await post(wish())).status).toBe(500)
    expect(await stateHere()).toBe('active audit')
  })

  test('in its answer alone: the outcome is here, and the client tries again', async () => {
    script = async ({ method }, response) => {
      if (method === 'GET') return false
      await addEnrollment(there.db, theirs.id, courseId)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"user": "some')
      return true
    }
    expect((await post(wish())).status).toBe(503)
    expect(await stateHere()).toBe('active audit')
  })

  test.each([
    ['refuses our key', answering(401, '{"detail":"no key"}')],
    ['is behind a proxy that cannot reach it', answering(502, '<html>', 'text/html')],
    ['sends us elsewhere', answering(302, '', 'text/html')],
    ['does not answer', () => true],
    [
      'hangs up',
      ({ socket }: IncomingMessage) => {
        socket.destroy()
        return true
      },
    ],
  ] satisfies [string, typeof script][])('and %s is unavailable', async (_, fault) => {
    script = fault
    const answer = await post(wish(), KEY, impatient)
    expect(answer).toMatchObject({
      status: 503,
      text: '{"detail":"Service temporarily unavailable, try again later."}',
    })
    expect(answer.headers.get('retry-after')).toBe('5')
    expect(await stateHere()).toBe(null)
  })

  test('holds up neither reads nor course runs that are ours', async () => {
    const lmsAnswers = hold()
    const ours = await addCourse(here.db)
    const slow = Promise.all(Array.from({ length: 8 }, () => post(wish())))
    await eventually(() => expect(seen.length).toBeGreaterThan(0))
    // What waited for the LMS would have no answer here, or that those have given up.
    expect((await post({ ...wish(), course_details: { course_id: ours } })).status).toBe(200)
    const read = await fetch(`${server.url}${ENROLLMENT}/${learner.username},${courseId}`, { headers: KEY })
    expect(read.status).toBe(200)
    lmsAnswers()
    expect((await slow).map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200))
  })
})

test('a change of owner waits for a request that is on its way', async () => {
  const lmsAnswers = hold()
  const answer = post(wish())
  await eventually(() => expect(seen).toHaveLength(1))
  const change = changeOwner(here.db, [courseId], 'here', { patienceMs: 60_000 })
  await untilWaiting(here.db)
  lmsAnswers()
  expect(await change).toMatchObject({ is: 'changed' })
  expect(await stateHere()).toBe('active audit')
  expect((await answer).status).toBe(200)
})

test('a request that is on its way does not hold the feed back', async () => {
  const ours = await addCourse(here.db)
  const caller = createCaller({ db: here.db, actor: { kind: 'service', name: 'tests' } })
  const lmsAnswers = hold()
  const answer = post(wish())
  await eventually(() => expect(seen).toHaveLength(1))
  const { eventId } = await caller.enrollment.enroll({ username: learner.username, courseId: ours })
  expect(eventId).toEqual(expect.any(String))
  // Of this database: those of others are other tests. Readers of the feed are woken beside the call, for a moment.
  await eventually(async () => {
    const { rows: writing } = await sql`
      select from pg_stat_activity where datname = current_database() and backend_xid is not null`.execute(here.db)
    expect(writing).toEqual([])
  })
  lmsAnswers()
  expect((await answer).status).toBe(200)
})

test('a course run that is on its way to the LMS is unavailable for a moment', async () => {
  await here.db.updateTable('courses').set({ owner: 'leaving' }).where('course_key', '=', courseId).execute()
  expect((await post(wish())).status).toBe(503)
  expect(seen).toEqual([])
})

/** The LMS keeps everybody waiting, until it is told to answer. */
function hold(): () => void {
  const { promise: isOver, resolve: lmsAnswers } = Promise.withResolvers<void>()
  script = async () => {
    await isOver
    return false
  }
  return lmsAnswers
}

async function agreedVersion(): Promise<number | null | undefined> {
  const row = await here.db
    .selectFrom('enrollment_lms_ids as i')
    .innerJoin('enrollments as e', 'e.id', 'i.enrollment_id')
    .select('i.agreed_version')
    .where('e.learner_id', '=', learner.id)
    .executeTakeFirst()
  return row?.agreed_version
}
