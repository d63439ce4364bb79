// slow: lets Prometheus look at a server for a while
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCaller, defaultPolicy } from '../../routers/index.ts'
import { startBackground } from '../../server/background/start.ts'
import type { Extension } from '../../server/extension.ts'
import { builtInExtensions } from '../../server/extensions.ts'
import { openMetrics } from '../../server/metrics/open.ts'
import { createTestDatabase } from '../support/database.ts'
import { scrape } from '../support/metrics.ts'
import { faultsOfRules, hasPrometheus, openPrometheus, type Prometheus } from '../support/prometheus.ts'
import { KEY } from '../support/rest.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

const OPERATIONS = 'docs/operations.md'
const DASHBOARD = 'docs/monitoring/grafana-dashboard.json'
const ALERTS = 'docs/monitoring/alerts.yml'
const NAME = /\b(?:enrollment|nodejs|process)_[a-z0-9_]+/g

const undo = new AsyncDisposableStack()
afterAll(() => undo.disposeAsync())
const database = undo.use(await createTestDatabase())
const { db } = database
const metrics = openMetrics(db)
const failing: Extension = {
  name: 'failing',
  routes: async (scope) => void scope.get('/fails', () => Promise.reject(new Error('as it should'))),
}
const extensions = [...builtInExtensions, failing]
const app = buildTestApp({ db, metrics, extensions, env: { RATE_LIMITS: 'off' } })
const server = undo.use(await openTestServer(app))
const log = { debug: () => {}, error: () => {} }
const background = { db, log, policy: defaultPolicy, extensions, observer: metrics.background }
undo.use(startBackground(background))

/** The names of metrics in a text, without what histograms add to theirs. */
function namesIn(text: string, known: ReadonlySet<string>): Set<string> {
  const plain = [...text.matchAll(NAME)].map(([name]) => {
    const of = name.replace(/_(?:bucket|sum|count)$/, '')
    return known.has(name) ? name : of
  })
  return new Set(plain)
}

describe('docs/operations.md', () => {
  test('explains every metric that there is, and no other', async () => {
    const { names } = await scrape(app)
    const text = readFileSync(OPERATIONS, 'utf8')
    const section = text.slice(text.indexOf('## Metrics'), text.indexOf('\n## ', text.indexOf('## Metrics') + 1))
    const rows = section.split('\n').filter((line) => line.startsWith('| `'))
    const explained = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(NAME)].map(([name]) => name))
    expect(explained.toSorted()).toEqual([...names].toSorted())
    expect([...namesIn(text, names)].filter((name) => !names.has(name))).toEqual([])
  })
})

test('dashboard and alerts name no metric that there is not', async () => {
  const { names } = await scrape(app)
  for (const path of [DASHBOARD, ALERTS]) {
    const named = namesIn(readFileSync(path, 'utf8'), names)
    expect(named.size).toBeGreaterThan(8)
    expect([...named].filter((name) => !names.has(name))).toEqual([])
  }
})

test('every alert says what has happened and what to do', () => {
  const text = readFileSync(ALERTS, 'utf8')
  const alerts = text.split(/^ +- alert: /m).slice(1)
  expect(alerts.length).toBeGreaterThan(8)
  for (const alert of alerts) expect(alert).toMatch(/^ +summary: .+\n +action: .+/m)
})

describe.skipIf(!hasPrometheus)('in a Prometheus', () => {
  let prometheus: Prometheus

  beforeAll(async () => {
    prometheus = undo.use(await openPrometheus(new URL(server.internal).host))
    const end = new AbortController()
    const traffic = causeTraffic(end.signal)
    undo.defer(async () => {
      end.abort()
      await traffic
    })
  })

  test('the alerts are rules', () => {
    expect(faultsOfRules(ALERTS)).toBe('')
    expect(faultsOfRules(DASHBOARD)).not.toBe('')
  })

  test('every query of the dashboard has an answer', async () => {
    const expressions = expressionsOfDashboard()
    expect(expressions.length).toBeGreaterThan(20)
    await Promise.all(expressions.map((expression) => answered(prometheus, expression)))
  })

  test('what every alert looks at is there', async () => {
    const expressions = [...readFileSync(ALERTS, 'utf8').matchAll(/^ +expr: (.+)$/gm)].map(([, text = '']) => text)
    expect(expressions.length).toBeGreaterThan(8)
    await Promise.all(expressions.map((expression) => answered(prometheus, expression.replace(THRESHOLD, ''))))
  })

  test('a query for something else has none', async () => {
    expect(await prometheus.query('enrollment_nothing')).toEqual([])
    await expect(prometheus.query('rate(')).rejects.toThrow('parse error')
  })
})

/** What makes an alert of a value. */
const THRESHOLD = / (?:==|>|<) [\d.]+$/

interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[]
}

/** With what Grafana puts in place of its variables. */
function expressionsOfDashboard(): string[] {
  const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as Dashboard // ours
  return panels
    .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll('$__rate_interval', '30s').replaceAll(/\$(?:job|instance)/g, '.*'))
}

/** Fails where a query has no answer after a while. */
async function answered(prometheus: Prometheus, expression: string): Promise<void> {
  await expect
    .poll(async () => (await prometheus.query(expression)).length, {
      message: expression,
      timeout: 60_000,
      interval: 250,
    })
    .toBeGreaterThan(0)
}

/** Lets everything happen of which there is nothing to see before, again and again: rates are of what changes. */
async function causeTraffic(end: AbortSignal): Promise<void> {
  const { enrollment } = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
  const paths = ['/healthz', '/api/enrollment/v1/enrollments', '/nothing', '/fails']
  while (!end.aborted) {
    const courseId = await addCourse(db)
    const learners = await addLearners(db, 20)
    await Promise.all(learners.map(({ username }) => enrollment.enroll({ username, courseId })))
    for (const path of paths) await (await fetch(server.url + path, { headers: KEY })).text()
    await sleep(100)
  }
}
