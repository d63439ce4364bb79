// slow: waits for retries
import { setTimeout as sleep } from 'node:timers/promises'
import { sql, type Kysely } from 'kysely'
import { describe, expect, test } from 'vitest'
import type { DB } from '../../../core/database/schema.ts'
import { readConsumers } from '../../../core/event/consumers.ts'
import { lmsExtension } from '../../../lms/extension.ts'
import { dropMirror, listMirror, readMirrorStatus, retryMirror } from '../../../lms/mirror/list.ts'
import { createCaller } from '../../../routers/index.ts'
import { startBackground } from '../../../server/background/start.ts'
import { readConfig, type Environment } from '../../../server/config.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { addImported } from '../../support/moved.ts'
import { answer, openScriptedLms, type Script, type ScriptedLms } from '../../support/scripted-lms.ts'
import { addCourse, addLearner } from '../../support/seed.ts'

const policy = readConfig({}).policy

interface Mirrored extends AsyncDisposable {
  readonly db: Kysely<DB>
  readonly lms: ScriptedLms
  readonly log: string[]
  readonly courseId: string
  readonly username: string
  enroll(mode: string, username?: string, courseId?: string): Promise<unknown>
  unenroll(username?: string): Promise<unknown>
  start(env?: Environment): AsyncDisposable
  /** Waits until nothing is due any more. */
  settled(): Promise<void>
}

/** A service with one course run and one learner, and an LMS; nothing is mirrored until it is started. */
async function open(env: Environment = {}): Promise<Mirrored> {
  await using undo = new AsyncDisposableStack()
  const lms = undo.use(await openScriptedLms())
  const database = undo.use(await createTestDatabase())
  const { db } = database
  const courseId = await addCourse(db, { modes: ['audit', 'verified', 'honor'] })
  const { username } = await addLearner(db)
  const caller = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
  const log: string[] = []
  const write = (fields: object, message: string) => void log.push(`${message} ${JSON.stringify(fields)}`)
  const opened = undo.move()
  return {
    db,
    lms,
    log,
    courseId,
    username,
    enroll: (mode, name = username, course = courseId) =>
      caller.enrollment.enroll({ username: name, courseId: course, mode, whenEnrolled: 'update' }),
    unenroll: (name = username) => caller.enrollment.change({ username: name, courseId, isActive: false }),
    start: (more = {}) => {
      const settings = { LMS_MIRROR: 'on', LMS_URL: lms.url, LMS_API_KEY: 's3cret-key', LMS_MIRROR_RATE: '1000/s' }
      const config = readConfig({ ...settings, ...env, ...more })
      return startBackground({
        db,
        log: { error: write, debug() {} },
        policy,
        extensions: [lmsExtension(config.lms)],
      })
    },
    settled: () =>
      eventually(async () => {
        const [status] = (await readConsumers(db, new Date())).filter(({ name }) => name === 'lms-mirror')
        expect(status?.lagEvents).toBe(0)
        expect(await readMirrorStatus(db)).toMatchObject({ due: 0 })
      }, 50),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Runs a script for the first requests that write, and then no more. */
function firstPosts(count: number, script: Script): Script {
  let seen = 0
  return (request, ...rest) => {
    if (request.method !== 'POST') return false
    seen += 1
    return seen > count ? false : script(request, ...rest)
  }
}

// They wait for retries more than they compute, each with a service and an LMS of its own: several do so at the same time.
describe.concurrent('the mirror to the LMS', () => {
  test('sends each change with mode and activity, and the key', async () => {
    await using service = await open()
    const { lms, username, courseId } = service
    await using _ = service.start()
    await service.enroll('audit')
    await service.settled()
    await service.enroll('verified')
    await service.settled()
    await service.unenroll()
    await service.settled()
    await service.enroll('verified')
    await service.settled()
    expect(lms.posts().map(({ body }) => body)).toEqual(
      [
        { mode: 'audit', is_active: true },
        { mode: 'verified', is_active: true },
        { mode: 'verified', is_active: false },
        { mode: 'verified', is_active: true },
      ].map((state) => ({ user: username, course_details: { course_id: courseId }, ...state })),
    )
    expect(new Set(lms.requests.map(({ headers }) => headers['x-edx-api-key']))).toEqual(new Set(['s3cret-key']))
    const agreed = await service.db.selectFrom('enrollment_lms_ids').select('agreed_version').execute()
    expect(agreed).toEqual([{ agreed_version: 4 }])
    expect(await listMirror(service.db)).toEqual([])
  })

  test('deactivates in the mode that the LMS has, and then changes the mode', async () => {
    await using service = await open()
    const { lms, username, courseId } = service
    await service.enroll('verified')
    await service.unenroll()
    lms.enrollments.set(`${username},${courseId}`, { mode: 'audit', is_active: true })
    await using _ = service.start()
    await service.settled()
    expect(lms.posts().map(({ body: { mode, is_active } }) => [mode, is_active])).toEqual([
      ['audit', false],
      ['verified', false],
    ])
  })

  test('sends only the newest state of an enrollment, and nothing that the LMS says already', async () => {
    await using service = await open()
    const { lms, username, courseId } = service
    for (const mode of ['audit', 'verified', 'honor', 'audit', 'verified']) await service.enroll(mode)
    const other = await addLearner(service.db)
    lms.enrollments.set(`${other.username},${courseId}`, { mode: 'honor', is_active: true })
    await service.enroll('honor', other.username)
    await using _ = service.start()
    await service.settled()
    expect(lms.changes).toEqual([`${username},${courseId} active verified`])
    expect(lms.posts()).toHaveLength(1)
  })

  test('sends neither what was imported nor what belongs to a course run of the LMS', async () => {
    await using service = await open()
    const { db, lms, username, courseId } = service
    const created = '2026-01-02T03:04:05Z'
    await addImported(db, { username, courseId, lmsId: 7, mode: 'audit', isActive: true, created })
    const owned = await addCourse(db)
    await service.enroll('audit', username, owned)
    await db.updateTable('courses').set({ owner: 'lms' }).where('course_key', '=', owned).execute()
    await using _ = service.start()
    await service.settled()
    expect(lms.requests).toEqual([])
    // The negative control: what is changed here afterwards is sent.
    await service.enroll('verified')
    await service.settled()
    expect(lms.changes).toEqual([`${username},${courseId} active verified`])
  })

  test('leaves what is still due when the course run becomes one of the LMS, and lists it', async () => {
    await using service = await open()
    const { db, lms, courseId } = service
    lms.script = ({ method }, response) => (method === 'POST' ? answer(response, 500, {}) : false)
    await using _ = service.start()
    await service.enroll('audit')
    await eventually(() => expect(lms.posts().length).toBeGreaterThan(0))
    await db.updateTable('courses').set({ owner: 'lms' }).where('course_key', '=', courseId).execute()
    await eventually(async () => expect(await listMirror(db)).toMatchObject([{ state: 'left' }]))
    // What was being sent at that moment is through.
    await eventually(async () => {
      const { rows } = await sql`select claimed_by from lms_mirror_pairs`.execute(db)
      expect(rows).toEqual([{ claimed_by: null }])
    })
    const before = lms.requests.length
    await sleep(3_000)
    expect(lms.requests).toHaveLength(before)
    // Given back, it goes on.
    lms.script = () => false
    await db.updateTable('courses').set({ owner: 'here' }).where('course_key', '=', courseId).execute()
    await service.settled()
    expect(lms.changes).toHaveLength(1)
  })

  test('does not send what is new and inactive, but lists it until it is active', async () => {
    await using service = await open()
    const { db, lms, username, courseId } = service
    await service.enroll('audit')
    await service.unenroll()
    await using _ = service.start()
    await service.settled()
    expect(lms.posts()).toEqual([])
    expect(await listMirror(db)).toMatchObject([{ username, courseId, state: 'unsent', isActive: false }])
    await service.enroll('audit')
    await service.settled()
    expect(lms.changes).toEqual([`${username},${courseId} active audit`])
    expect(await listMirror(db)).toEqual([])
  })

  test('uses the present username', async () => {
    await using service = await open()
    const { db, lms, username, courseId } = service
    await service.enroll('audit')
    await db.updateTable('learners').set({ username: 'renamed é' }).where('username', '=', username).execute()
    await using _ = service.start()
    await service.settled()
    expect(lms.changes).toEqual([`renamed é,${courseId} active audit`])
    expect(lms.requests[0]).toMatchObject({ method: 'GET', username: 'renamed é', courseId })
  })

  const failures: [string, Script][] = [
    ['500, but it worked', (_, response, work) => (work(), answer(response, 500, { detail: 'IntegrityError' }))],
    ['no answer in time, but it worked', (_, _response, work) => work()],
    ['the connection is cut off, but it worked', (_, response, work) => (work(), response.destroy())],
    ['500, and it did not work', (_, response) => answer(response, 500, {})],
    ['the connection is cut off, and it did not work', (_, response) => response.destroy()],
    ['502 with a page', (_, response) => response.writeHead(502).end('<html>Bad gateway</html>')],
    ['200 with something else', (_, response) => response.writeHead(200).end('<html>Log in</html>')],
    ['200 with JSON that is no enrollment', (_, response) => answer(response, 200, { ok: true })],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/login' }).end()],
    ['401', (_, response) => answer(response, 401, { detail: 'Authentication credentials were not provided.' })],
    ['403 of the framework', (_, response) => answer(response, 403, { detail: 'You do not have permission.' })],
    ['408', (_, response) => answer(response, 408, {})],
    ['425', (_, response) => answer(response, 425, {})],
    [
      'the default mode in the answer',
      (_, response, work) => (work(), answer(response, 200, { mode: 'audit', is_active: true })),
    ],
  ]

  test.each(failures)('%s: nothing is lost, and nothing is done twice', async (_, script) => {
    await using service = await open({ LMS_TIMEOUT: '500ms' })
    const { lms, username, courseId } = service
    lms.script = firstPosts(1, script)
    await service.enroll('verified')
    await using _background = service.start()
    await eventually(() => expect(lms.posts().length).toBeGreaterThan(0))
    await service.settled()
    expect(lms.changes).toEqual([`${username},${courseId} active verified`])
    // Before a retry it has looked.
    const second = lms.requests.indexOf(lms.posts()[1] ?? lms.posts()[0] ?? ({} as never))
    expect(lms.requests[second - 1]?.method).toBe('GET')
    expect(lms.mostAtOnce()).toBe(1)
    expect(await listMirror(service.db)).toEqual([])
  })

  test('429 with Retry-After: nothing at all is sent until then', async () => {
    await using service = await open()
    const { lms, courseId } = service
    lms.script = firstPosts(1, (_, response) => answer(response, 429, { detail: 'throttled' }, { 'retry-after': '3' }))
    await service.enroll('audit')
    await service.enroll('audit', (await addLearner(service.db)).username)
    await using _ = service.start()
    await service.settled()
    expect(lms.changes).toHaveLength(2)
    const [refused] = lms.posts()
    const next = lms.requests.find(({ at }) => at > (refused?.at ?? 0) + 100)
    expect((next?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(2_900)
    expect(courseId).toBe(next?.courseId)
  })

  test.each([
    [400, { message: `No course 'x' found for enrollment` }, `No course 'x' found for enrollment`],
    [406, { message: 'The user x does not exist.' }, 'The user x does not exist.'],
    [
      403,
      { message: 'Users from this location cannot access the course.' },
      'Users from this location cannot access the course.',
    ],
    [404, { detail: 'Not found.' }, 'Not found.'],
    [409, '<h1>Conflict</h1>', 'Conflict'],
    [422, '', 'Answered 422'],
  ])('what the LMS refuses with %i is listed in its words, and stops no other', async (status, body, words) => {
    await using service = await open()
    const { db, lms, username, courseId } = service
    lms.script = (request, response) => {
      if (request.method !== 'POST' || request.username !== username) return false
      return response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    const other = await addLearner(db)
    await service.enroll('verified')
    await service.enroll('audit', other.username)
    await using _ = service.start()
    await service.settled()
    expect(lms.changes).toEqual([`${other.username},${courseId} active audit`])
    const [listed] = await listMirror(db)
    expect(listed).toMatchObject({ username, courseId, state: 'refused', lastError: words, nextAttemptAt: null })
    const before = lms.posts().length
    await sleep(1_500)
    expect(lms.posts()).toHaveLength(before)
    // Repaired there, and sent again.
    lms.script = () => false
    expect(await retryMirror(db, `${username},${courseId}`)).toBe(1)
    await service.settled()
    expect(lms.enrollments.get(`${username},${courseId}`)).toEqual({ mode: 'verified', is_active: true })
    expect(await listMirror(db)).toEqual([])
  })

  test('a refused enrollment that changes again is sent again; one that is dropped is not', async () => {
    await using service = await open()
    const { db, lms, username, courseId } = service
    lms.script = ({ method }, response) => (method === 'POST' ? answer(response, 400, { message: 'no' }) : false)
    await service.enroll('audit')
    await using _ = service.start()
    await service.settled()
    expect(await dropMirror(db, `${username},${courseId}`)).toBe(1)
    expect(await dropMirror(db, `${username},${courseId}`)).toBe(0)
    lms.script = () => false
    expect(await retryMirror(db, null)).toBe(0)
    await service.enroll('verified')
    await service.settled()
    expect(lms.changes).toEqual([`${username},${courseId} active verified`])
  })

  test('one that fails for ever is listed after a while, seen as the last error, and stops no other', async () => {
    await using service = await open()
    const { db, lms, username, courseId } = service
    lms.script = (request, response) =>
      request.method === 'POST' && request.username === username
        ? response.writeHead(500).end('<h1>Server Error (500)</h1>')
        : false
    await service.enroll('audit')
    await using _ = service.start()
    await eventually(async () => expect(await listMirror(db)).toMatchObject([{ username, state: 'failing' }]))
    const other = await addLearner(db)
    await service.enroll('audit', other.username)
    await eventually(() => expect(lms.changes).toEqual([`${other.username},${courseId} active audit`]))
    const consumers = await readConsumers(db, new Date())
    const words = 'Answered 500: Server Error (500)'
    // What the LMS has is noted here a moment later.
    await eventually(async () =>
      expect(await readMirrorStatus(db)).toMatchObject({ due: 1, failing: 1, lastError: words }),
    )
    await eventually(async () =>
      expect(await readConsumers(db, new Date())).toContainEqual(
        expect.objectContaining({ name: 'lms-mirror', lagEvents: 0, lastError: words }),
      ),
    )
    expect(consumers).toHaveLength(1)
    lms.script = () => false
    await retryMirror(db, null)
    await service.settled()
    await eventually(async () => expect((await readConsumers(db, new Date()))[0]?.lastError).toBeNull())
  })

  test('an LMS that is away for a while gets everything afterwards, and the log no secret', async () => {
    await using service = await open()
    const { db, lms, courseId, log } = service
    let isAway = true
    lms.script = (_, response) => (isAway ? response.writeHead(503).end('down') : false)
    const names = await Promise.all(Array.from({ length: 5 }, async () => (await addLearner(db)).username))
    for (const name of names) await service.enroll('audit', name)
    await using _ = service.start()
    await eventually(() => expect(lms.requests.length).toBeGreaterThan(1))
    // Transactions of other tests may keep changes from being seen for a while.
    const before = { due: 5, refused: 0, lastError: 'Answered 503: down' }
    await eventually(async () => expect(await readMirrorStatus(db)).toMatchObject(before))
    isAway = false
    await service.settled()
    expect(lms.changes.toSorted()).toEqual(names.map((name) => `${name},${courseId} active audit`).toSorted())
    expect(log.filter((line) => line.includes('the LMS takes no enrollments'))).toHaveLength(1)
    expect(log.join('\n')).not.toContain('s3cret')
  })

  // It measures how long that takes: alone, so that it is the rate that takes the time.
  test(
    'keeps to the rate over all processes, and sends each enrollment from one of them',
    { concurrent: false },
    async () => {
      await using service = await open({ LMS_MIRROR_RATE: '20/s' })
      const { db, lms } = service
      const names = await Promise.all(Array.from({ length: 20 }, async () => (await addLearner(db)).username))
      for (const name of names) await service.enroll('audit', name)
      const began = Date.now()
      await using _one = service.start()
      await using _two = service.start()
      await using _three = service.start()
      await service.settled()
      expect(lms.changes).toHaveLength(20)
      expect(lms.posts()).toHaveLength(20)
      expect(lms.mostAtOnce()).toBe(1)
      // Not since the first of them has come, which may have been on its way for longer than the others.
      const last = lms.requests.at(-1)?.at ?? 0
      expect(last - began).toBeGreaterThanOrEqual((lms.requests.length - 1) * 50 * 0.95)
    },
  )

  test('changes that come while one is sent follow in order', async () => {
    await using service = await open()
    const { lms, username, courseId } = service
    lms.script = async (request, response, work) => {
      if (request.method !== 'POST') return false
      await sleep(150)
      return answer(response, 200, work())
    }
    await using _one = service.start()
    await using _two = service.start()
    const modes = ['audit', 'verified', 'honor', 'verified', 'audit', 'honor', 'verified']
    for (const mode of modes) {
      await service.enroll(mode)
      await sleep(60)
    }
    await service.settled()
    expect(lms.mostAtOnce()).toBe(1)
    expect(lms.enrollments.get(`${username},${courseId}`)).toEqual({ mode: 'verified', is_active: true })
    expect(lms.changes.length).toBeLessThanOrEqual(modes.length)
  })

  test('attributes go with a change, and a worker is named beside the key', async () => {
    await using service = await open({ LMS_WORKER_USERNAME: 'worker', LMS_WORKER_JWT: 'a.b.c' })
    const { db, lms, username, courseId } = service
    const caller = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
    const attributes = [{ namespace: 'order', name: 'order_number', value: 'EDX-1' }]
    await caller.enrollment.enroll({ username, courseId, mode: 'audit', attributes })
    await using _ = service.start()
    await service.settled()
    expect(lms.posts()).toMatchObject([
      {
        headers: { authorization: 'JWT a.b.c', 'x-edx-api-key': 's3cret-key' },
        body: { enrollment_attributes: attributes, force_enrollment: true },
      },
    ])
  })

  test('never keeps an enrollment from being made here', async () => {
    await using service = await open({ LMS_TIMEOUT: '10s' })
    const { db, lms } = service
    lms.script = () => true // It never answers.
    await using _ = service.start()
    await service.enroll('audit')
    await eventually(() => expect(lms.requests).toHaveLength(1))
    for (const mode of ['verified', 'audit', 'verified']) await service.enroll(mode)
    const { rows } = await sql<{ version: number }>`select version from enrollments`.execute(db)
    expect(rows).toEqual([{ version: 4 }])
  })
})
