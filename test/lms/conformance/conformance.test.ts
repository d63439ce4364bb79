// slow: every case of the contract, several times
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importLines } from '../../../core/import-export/import.ts'
import { allCases } from '../../../lms/conformance/cases/all.ts'
import { isReading, type Case } from '../../../lms/conformance/case.ts'
import { NAMES } from '../../../lms/conformance/names.ts'
import { conformance } from '../../../lms/conformance/program.ts'
import { runConformance, type Result } from '../../../lms/conformance/run.ts'
import { setupLines } from '../../../lms/conformance/setup.ts'
import { openServer } from '../../../lms/exchange/server.ts'
import { openAlteringProxy, type PassingAnswer, type PassingRequest } from '../../support/altering-proxy.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { buildTestApp, openTestServer, secrets } from '../../support/server.ts'

let database: TestDatabase
let server: Awaited<ReturnType<typeof openTestServer>>
const credentials = {
  key: secrets.edxApiKeys[0] ?? '',
  jwtSecret: secrets.jwt.secret,
  freshAccounts: true,
}

beforeAll(async () => {
  database = await createTestDatabase()
  await load()
  server = await openTestServer(buildTestApp({ db: database.db, env: UNLIMITED }))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

/** Some limits of the contract cannot be switched off: a test may ask more often. */
const UNLIMITED = { RATE_LIMITS: 'off', RATE_LIMIT_STAFF: '100000/minute', RATE_LIMIT_USER: '100000/minute' }

describe('the pack', () => {
  test('has at least 250 cases, each with its section, none twice', () => {
    const cases = allCases(NAMES)
    expect(cases.length).toBeGreaterThanOrEqual(250)
    const names = cases.map(({ section, what }) => `${section}: ${what}`)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
    for (const { section } of cases)
      expect(section).toMatch(/^\d+(\.\d+)?( (D\d+|row \d+[a-h]?|body|decisions|\d+(-\d+)?))?$/)
  })

  test('its setup imports again without a change', async () => {
    expect(await load()).toMatchObject({ failed: 0, written: 0 })
  })
})

describe('against this service', () => {
  test('all cases pass, in any order, again too, and write to their own accounts alone', async () => {
    const cases = allCases(NAMES)
    for (const order of [cases.toReversed(), shuffled(cases)]) {
      expect(notPassed(await run(server.url, order))).toEqual([])
    }
    const others = await database.db
      .selectFrom('learners')
      .select('username')
      .where('username', 'not like', 'conformance\\_%')
      .execute()
    expect(others.map(({ username }) => username)).toEqual([NAMES.worker])
  })

  test('those that only read change nothing, and ask for what they rely on', async () => {
    await load()
    await using proxy = await openAlteringProxy(server.url)
    const results = await run(proxy.url, allCases(NAMES), { readOnly: true })
    expect(new Set(proxy.seen.map(({ method }) => method))).toEqual(new Set(['GET', 'HEAD', 'OPTIONS']))
    expect(results.filter(({ kind }) => kind === 'failed')).toEqual([])
    expect(results.filter(({ kind }) => kind === 'passed').length).toBeGreaterThan(200)
    const reasons = new Set(results.flatMap((result) => (result.kind === 'skipped' ? [result.why] : [])))
    for (const why of reasons) expect(why).toMatch(/^(writes$|needs conformance_learner to be )/)
  })
})

/** What a server does wrong, and the sections in which cases must fail; none else may. */
const WRONGS: [
  what: string,
  alter: (answer: PassingAnswer, request: PassingRequest) => PassingAnswer | undefined,
  failing: RegExp,
][] = [
  [
    'tells that somebody else does not exist',
    ({ status, ...rest }, { method, url }) =>
      status === 404 && method === 'POST' && url.endsWith('/enrollment') ? { ...rest, status: 406 } : undefined,
    /^(2\.2|3\.2 row [34]a?|5\.1 (7|61))$/,
  ],
  ['corrects the spelling of `occured`', replace('An error occured', 'An error occurred'), /^3\.2 row 19$/],
  ['corrects the spelling of `exists`', replace("doesn't exists", "doesn't exist"), /^3\.8$/],
  [
    'gives suggested prices as a list',
    replace('"suggested_prices":"49,99"', '"suggested_prices":["49","99"]'),
    /^(5\.2 80|3\.\d|5\.6 .*|5\.2 .*)$/,
  ],
  [
    'sends a charset',
    ({ headers, ...rest }) =>
      headers['content-type'] === 'application/json'
        ? { ...rest, headers: { ...headers, 'content-type': 'application/json; charset=utf-8' } }
        : undefined,
    /^(2\.3|3\.2 row 22|0 D13)$/,
  ],
  [
    'forgets the challenge',
    ({ headers, ...rest }) => ({ ...rest, headers: { ...headers, 'www-authenticate': undefined } }),
    /^(0 D10|1\.1|2\.[123])$/,
  ],
  [
    'names the mode last',
    ({ body, ...rest }, { method }) =>
      method === 'POST' ? { ...rest, body: body.replace(/("mode":"\w+"),(.*)\}$/, '$2,$1}') } : undefined,
    /^3\.2 row 22$/,
  ],
]

describe('a server that is wrong in one thing fails exactly there', () => {
  test.for(WRONGS)('%s', async ([, alter, failing]) => {
    await using proxy = await openAlteringProxy(server.url, alter)
    const results = await run(proxy.url, allCases(NAMES).filter(isReadingOrFails(failing)))
    const sections = results.flatMap((result) => (result.kind === 'failed' ? [result.section] : []))
    expect(sections.length).toBeGreaterThan(0)
    expect(sections.filter((section) => !failing.test(section))).toEqual([])
  })
})

describe('against an LMS', () => {
  /** As the original is: it knows no document of ours, and fails where rest-v1 §0 says that it does. */
  const asLms = (answer: PassingAnswer, { method, url }: PassingRequest): PassingAnswer | undefined => {
    if (url === '/openapi.json') return { status: 404, headers: {}, body: '<html>' }
    if (method === 'GET' && answer.body === '{"detail":"Not found."}')
      return { status: 404, headers: { 'content-type': 'text/html' }, body: '<h1>' }
    const isOurs =
      /No course found for course ID '(?!course-v1:Conformance|some)|must be (a JSON object|text|a list)|must (hold|not contain)/
    return answer.status === 400 && isOurs.test(answer.body)
      ? { status: 500, headers: {}, body: '<h1>Server Error' }
      : undefined
  }

  test('its known differences are counted as such, by their section', async () => {
    await using proxy = await openAlteringProxy(server.url, asLms)
    const cases = allCases(NAMES).filter(({ section }) => /^(0|1\.1)/.test(section))
    const results = await run(proxy.url, cases, { target: 'lms' })
    expect(results.filter(({ kind }) => kind === 'failed')).toEqual([])
    const known = new Set(results.flatMap((result) => (result.kind === 'known' ? [result.known] : [])))
    expect([...known].toSorted()).toEqual(['D1', 'D10', 'D13', 'D15', 'D2'])
  })

  test('the same answers of this service are failures', async () => {
    await using proxy = await openAlteringProxy(server.url, asLms)
    const cases = allCases(NAMES).filter(({ section }) => section === '0 D1')
    const results = await run(proxy.url, cases)
    expect(results.every(({ kind }) => kind === 'failed')).toBe(true)
  })
})

describe('the program', () => {
  const key = ['--key', credentials.key]

  test('ends with 0 and a table when all pass', async () => {
    const { code, stdout } = await program(
      '--url',
      server.url,
      ...key,
      '--jwt-secret',
      credentials.jwtSecret,
      '--only',
      '3.2 row 15a,5.5',
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(/is this service/)
    expect(stdout).toMatch(/^\u00a73\.2 +3 +0 +0 +0$/m)
    expect(stdout).toMatch(/^All cases passed\.$/m)
  })

  test('ends with 1 when one fails, and shows request, expected and got, without secrets', async () => {
    await using proxy = await openAlteringProxy(server.url, ({ body, ...rest }, { headers }) => ({
      ...rest,
      body: body.replace("Won't deactivate", `Will not, ${String(headers['x-edx-api-key'])}`),
    }))
    const { code, stdout } = await program('--url', proxy.url, ...key, '--only', '\u00a73.2 row 15a')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^failed \u00a73\.2 row 15a: /m)
    expect(stdout).toMatch(/^ {2}key: POST \/api\/enrollment\/v1\/enrollment \{.*"mode":"verified"/m)
    expect(stdout).toMatch(/^ {2}expected: 400, .*Won't deactivate/m)
    expect(stdout).toMatch(/^ {2}got: 400 .*Will not, \[hidden\]/m)
    expect(stdout).not.toContain(credentials.key)
  })

  test('answers with one object for machines', async () => {
    const { stdout } = await program('--url', server.url, ...key, '--only', '1.2', '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      target: 'here',
      passed: 22,
      failed: 0,
      sections: { '1.2': { passed: 22 } },
    })
  })

  test('skips what it has no credentials for, and says why', async () => {
    const { code, stdout } = await program('--url', server.url, '--only', '5.5')
    expect(code).toBe(2)
    expect(stdout).toMatch(/skipped 1: needs a token: --jwt-secret, or --token learner=…/)
  })

  test('skips what is about a course run that is not there', async () => {
    const { stdout } = await program(
      '--url',
      server.url,
      ...key,
      '--only',
      '3.2 row 15a',
      '--name',
      'open=course-v1:not+there+1',
    )
    expect(stdout).toMatch(/skipped 3: the course run course-v1:not\+there\+1 does not exist: see --print-setup/)
  })

  test('lists its cases, and prints its setup with other names', async () => {
    const { stdout } = await program('--list')
    expect(stdout.trim().split('\n')).toHaveLength(allCases(NAMES).length)
    const setup = await program('--print-setup', '--name', 'learner=bob')
    expect(setup.stdout).toContain('"username":"bob"')
    expect(setup.stdout).not.toContain(NAMES.learner)
  })

  test.for([
    [['--url', 'http://127.0.0.1:1'], /cannot be reached/],
    [['--url', 'nonsense'], /must be a URL/],
    [['--only', '9.9'], /There is no case of 9\.9/],
    [['--name', 'nobody=x'], /must be written as name=value/],
    [['--jwt-claims', '[]'], /must be a JSON object/],
    [[], /Say with --url/],
  ] as const)('ends with 2: %j', async ([args, words]) => {
    const { code, stderr } = await program(...args)
    expect([code, stderr]).toEqual([2, expect.stringMatching(words)])
  })

  test('ends with 2 when the key is refused', async () => {
    const { code, stderr } = await program('--url', server.url, '--key', 'wrong-key')
    expect([code, stderr]).toEqual([2, `${server.url} does not take this API key.\n`])
  })
})

async function load() {
  const file = setupLines(NAMES).map((line) => `${JSON.stringify(line)}\n`)
  return importLines(database.db, pieces(file.join('')), {
    strict: true,
    now: new Date(),
    actor: { kind: 'system', name: 'import' },
  })
}

async function* pieces(whole: string) {
  yield Buffer.from(whole)
}

async function run(url: string, cases: readonly Case[], more: { readOnly?: boolean; target?: 'lms' } = {}) {
  await using target = openServer(url, { timeoutMs: 30_000, connections: 2 })
  return await runConformance({
    server: target,
    target: 'here',
    cases,
    names: NAMES,
    credentials,
    readOnly: false,
    ...more,
  })
}

function notPassed(results: readonly Result[]): Result[] {
  return results.filter(({ kind }) => kind !== 'passed')
}

/** Those that are to fail and, of the others, a part that is run quickly. */
function isReadingOrFails(failing: RegExp) {
  return (each: Case, index: number) =>
    failing.test(each.section) || (isReading(each) && index % 3 === 0) || /^3\.2 row 1[5-9]/.test(each.section)
}

function replace(from: string, to: string) {
  return ({ body, ...rest }: PassingAnswer) => ({ ...rest, body: body.replaceAll(from, to) })
}

/** The same each time. */
function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item, index) => ({ item, at: (index * 7_919) % 1_009 }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

async function program(...args: string[]) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const texts = Promise.all([text(stdout), text(stderr)])
  const code = await conformance(args, { stdin, stdout, stderr })
  stdout.end()
  stderr.end()
  const [out, err] = await texts
  return { code, stdout: out, stderr: err }
}
