// slow: starts the command line, which asks once more after some seconds
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openServer } from '../../../lms/exchange/server.ts'
import { readLog } from '../../../lms/shadow/read-log.ts'
import { runShadow } from '../../../lms/shadow/run.ts'
import type { Finding } from '../../../lms/shadow/tally.ts'
import {
  openAlteringProxy,
  type AlteringProxy,
  type PassingAnswer,
  type PassingRequest,
} from '../../support/altering-proxy.ts'
import { cli, freshDirectory } from '../../support/cli.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { addCourse, addLearner, type SeededLearner } from '../../support/seed.ts'
import { buildTestApp, openTestServer, secrets } from '../../support/server.ts'
import { addEnrollment, enrollmentInWords } from '../../support/world.ts'

const KEY = secrets.edxApiKeys[0] ?? ''
const V1 = '/api/enrollment/v1'

type Alter = (answer: PassingAnswer, request: PassingRequest) => PassingAnswer | undefined

let database: TestDatabase
let here: Awaited<ReturnType<typeof openTestServer>>
let lms: AlteringProxy
/** How the LMS, which is this service behind a proxy, answers otherwise. */
let alter: Alter
let bob: SeededLearner
let course: string

beforeAll(async () => {
  database = await createTestDatabase()
  here = await openTestServer(buildTestApp({ db: database.db, env: { RATE_LIMITS: 'off' } }))
  lms = await openAlteringProxy(here.url, (answer, request) => alter(answer, request))
  bob = await addLearner(database.db)
  course = await addCourse(database.db)
  await addEnrollment(database.db, bob.id, course)
})
beforeEach(() => {
  alter = () => undefined
  lms.seen.length = 0
})
afterAll(async () => {
  await lms[Symbol.asyncDispose]()
  await here[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const asked = (method: string, path: string, more: object = {}) =>
  JSON.stringify({ request_method: method, request_uri: path, ...more })
const courseRead = () => asked('GET', `${V1}/course/${course}`)

describe('the requests of a log', () => {
  test('reads of the API go to both sides; others are counted, and nothing is written', async () => {
    const post = { request_body: JSON.stringify({ user: bob.username }), content_type: 'application/json' }
    const { counts } = await shadow([
      courseRead(),
      asked('GET', `${V1}/enrollment?user=${bob.username}`),
      asked('GET', '/dashboard'),
      asked('HEAD', `${V1}/enrollment`),
      asked('POST', `${V1}/enrollment`, post),
      'nonsense',
    ])
    expect(counts).toMatchObject({
      requests: 6,
      equal: 2,
      skipped: 4,
      skippedBy: { 'not GET': 2, 'of other paths': 1, unreadable: 1 },
      different: 0,
      failed: 0,
    })
    expect(lms.seen.map(({ method }) => method)).toEqual(['GET', 'GET'])
  })

  test('an answer that differs is a finding with both bodies', async () => {
    alter = ({ body, ...rest }) => ({ ...rest, body: body.replace('"slug":"audit"', '"slug":"honor"') })
    const { counts, findings } = await shadow([courseRead(), asked('GET', `${V1}/enrollment?user=nobody`)])
    expect(counts).toMatchObject({ equal: 1, different: 1 })
    expect(findings).toMatchObject([
      {
        kind: 'different',
        place: 1,
        differences: ['course_modes[0].slug: "honor" and "audit"', 'course_modes[0].slug: "honor" and "audit"'].slice(
          1,
        ),
        lms: { status: 200, body: expect.stringContaining('"slug":"honor"') },
        here: { status: 200, body: expect.stringContaining('"slug":"audit"') },
      },
    ])
  })

  test('a difference that is gone when it is asked once more was a change in between', async () => {
    let times = 0
    alter = ({ body, ...rest }) => ((times += 1) === 1 ? { ...rest, body: body.replace('audit', 'honor') } : undefined)
    const { counts, findings } = await shadow([courseRead()])
    expect([counts.equal, counts.equalLater, counts.different, findings]).toEqual([1, 1, 0, []])
  })

  test('a known difference is counted by its section', async () => {
    alter = (answer) => (answer.status === 400 ? { status: 500, headers: {}, body: '<h1>' } : undefined)
    const { counts } = await shadow([
      asked('GET', `${V1}/course/a+b+c`),
      asked('GET', `${V1}/course/a+b+d`),
      courseRead(),
    ])
    expect(counts).toMatchObject({ equal: 1, known: 2, knownBySection: { D1: 2 }, different: 0 })
  })

  test('too many requests are waited for', async () => {
    let times = 0
    alter = () => ((times += 1) === 1 ? { status: 429, headers: { 'retry-after': '1' }, body: '' } : undefined)
    expect((await shadow([courseRead()])).counts).toMatchObject({ equal: 1, failed: 0 })
    expect(lms.seen).toHaveLength(2)
  })

  test('no more are sent in a second than one asked for', async () => {
    const started = performance.now()
    await shadow(Array.from({ length: 21 }, courseRead), { perSecond: 20 })
    expect(performance.now() - started).toBeGreaterThan(950)
  })

  test('a side that does not answer fails the request, and no other', async () => {
    // Not a port that was closed: another test may have got it since.
    const url = 'http://127.0.0.1:1'
    const { counts, findings } = await shadow([courseRead()], { lmsUrl: url })
    expect([counts.failed, findings[0]?.why]).toEqual([1, expect.stringContaining(`${url} cannot be reached`)])
  })

  test('writes, when asked for, go to both in their order, without comparing what was made when', async () => {
    const carol = await addLearner(database.db)
    const body = (more: object) =>
      JSON.stringify({ user: carol.username, course_details: { course_id: course }, ...more })
    const write = (more: object) =>
      asked('POST', `${V1}/enrollment`, { request_body: body(more), content_type: 'application/json' })
    const { counts } = await shadow(
      [write({}), write({ mode: 'verified' }), write({ mode: 'verified', is_active: false })],
      {
        writes: true,
      },
    )
    expect(counts).toMatchObject({ requests: 3, failed: 0, skipped: 0 })
    expect(lms.seen.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST'])
    expect(await enrollmentInWords(database.db, carol.id, course)).toBe('inactive verified')
  })
})

describe('the command', () => {
  test('ends with 0, 1 or 2, shows no secret, and writes a report that only its owner reads', async () => {
    alter = ({ body, ...rest }, { headers }) => ({
      ...rest,
      body: body.replace('"is_active":true', `"is_active":false,"echo":"${String(headers['x-edx-api-key'])}"`),
    })
    const log = await file(
      `${courseRead()}\n${asked('GET', `${V1}/enrollment?user=${bob.username}&access_token=of-the-log`)}\n`,
    )
    const report = join(await freshDirectory(), 'report.ndjson')
    const args = ['lms', 'shadow', log, '--lms', lms.url, '--here', here.url, '--key', KEY]
    const different = await cli([...args, '--report', report], {})
    expect(different.code).toBe(1)
    expect(different.stdout).toMatch(/^different +1$/m)
    expect(different.stdout).toMatch(/^ {2}\[0\]\.is_active: false and true$/m)
    const [line] = (await readFile(report, 'utf8')).trim().split('\n')
    expect(JSON.parse(line ?? '')).toMatchObject({ kind: 'different', lms: { status: 200 }, here: { status: 200 } })
    expect((await stat(report)).mode.toString(8)).toMatch(/600$/)
    for (const text of [different.stdout, different.stderr, line]) {
      expect(text).not.toContain(`"${KEY}"`)
      expect(text).not.toContain('of-the-log')
    }
    expect(line).toContain('[hidden]')
    for (const { headers, url } of lms.seen) {
      expect(headers['x-edx-api-key']).toBe(KEY)
      expect(url).not.toContain('access_token')
    }

    alter = () => undefined
    const equal = await cli([...args, '--json'], {})
    expect([equal.code, JSON.parse(equal.stdout)]).toMatchObject([0, { requests: 2, equal: 2, differences: [] }])
  })

  test('compares what was recorded, where no LMS is named', async () => {
    const url = `https://lms.example.org${V1}/course/${course}`
    const body = await (await fetch(`${here.url}${V1}/course/${course}`)).text()
    const entry = (text: string) => ({
      request: { method: 'GET', url },
      response: { status: 200, content: { size: text.length, text } },
    })
    const har = JSON.stringify({ log: { entries: [entry(body), entry(body.replace('audit', 'honor'))] } })
    const ended = await cli(['lms', 'shadow', await file(har), '--here', here.url, '--json'], {})
    expect([ended.code, JSON.parse(ended.stdout)]).toMatchObject([1, { requests: 2, equal: 1, different: 1 }])
  })

  test.for<[what: string, args: (log: string) => string[], words: RegExp]>([
    [
      'a side that cannot be reached',
      (log) => [log, '--lms', 'http://127.0.0.1:1'],
      /http:\/\/127\.0\.0\.1:1 cannot be reached/,
    ],
    ['a log that is not there', () => ['/no/such/log', '--lms', 'http://127.0.0.1:1'], /Cannot read '\/no\/such\/log'/],
    ['writes that nobody has confirmed', (log) => [log, '--replay-writes'], /confirm it with --yes/],
    ['a header that is none', (log) => [log, '--header', 'my secret'], /has to be written as 'Name: value'\.$/m],
    ['no URL', (log) => [log, '--lms', 'lms.example.org'], /must be a URL/],
  ])('ends with 2: %s', async ([, args, words]) => {
    const ended = await cli(['lms', 'shadow', ...args(await file(courseRead())), '--here', here.url], {})
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringMatching(words)])
    expect(ended.stderr).not.toContain('my secret')
  })
})

interface ShadowOptions {
  writes?: boolean
  perSecond?: number
  lmsUrl?: string
}

async function shadow(lines: string[], { writes = false, perSecond = 1_000, lmsUrl = lms.url }: ShadowOptions = {}) {
  const options = { timeoutMs: 10_000, connections: 8, headers: { 'x-edx-api-key': KEY } }
  await using lmsServer = openServer(lmsUrl, options)
  await using hereServer = openServer(here.url, options)
  const findings: Finding[] = []
  const counts = await runShadow({
    entries: readLog(pieces(lines.join('\n'))),
    lms: lmsServer,
    here: hereServer,
    writes,
    perSecond,
    settleMs: 10,
    onFinding: async (finding) => void findings.push(finding),
  })
  return { counts, findings }
}

async function* pieces(text: string) {
  yield Buffer.from(text)
}

async function file(text: string): Promise<string> {
  const path = join(await freshDirectory(), 'log')
  await writeFile(path, text)
  return path
}
