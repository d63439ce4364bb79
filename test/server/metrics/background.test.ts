import { afterAll, expect, test } from 'vitest'
import { createCaller, defaultPolicy } from '../../../routers/index.ts'
import { startBackground } from '../../../server/background/start.ts'
import type { Extension } from '../../../server/extension.ts'
import { openMetrics } from '../../../server/metrics/open.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { scrape } from '../../support/metrics.ts'
import { openReceiver, refuse } from '../../support/receiver.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { buildTestApp } from '../../support/server.ts'
import { webhookCaller, WEBHOOK_SETTINGS } from '../../support/webhooks.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const { db } = database
const log = { debug: () => {}, error: () => {} }

test('runs and failures of steps are counted, and failures of consumers by their names', async () => {
  const metrics = openMetrics(db)
  await using app = buildTestApp({ db, metrics })
  const extension: Extension = {
    name: 'mixed',
    workers: () => ({
      steps: [{ name: 'counting', intervalMs: 1, run: async () => false }],
      // `enterprise` is one of the consumers that are told of.
      consumers: [{ name: 'enterprise', intervalMs: 1, apply: () => Promise.reject(new Error('not today')) }],
    }),
  }
  const { enrollment } = createCaller({ db, actor: { kind: 'service', name: 'tests' } })
  await enrollment.enroll({ username: (await addLearner(db)).username, courseId: await addCourse(db) })
  const options = { db, log, policy: defaultPolicy, extensions: [extension], observer: metrics.background }
  await using _ = startBackground(options)
  const failing = { step: 'consuming the feed (enterprise)' }
  await eventually(async () => {
    const { value } = await scrape(app)
    expect(value('enrollment_background_run_duration_seconds_count', { step: 'counting' })).toBeGreaterThan(2)
    expect(value('enrollment_background_failures_total', { step: 'counting' })).toBe(0)
    expect(value('enrollment_background_failures_total', failing)).toBeGreaterThan(1)
    expect(value('enrollment_consumer_errors_total', { consumer: 'enterprise' })).toBeGreaterThan(1)
    expect(value('enrollment_consumer_lag_events', { consumer: 'enterprise' })).toBe(1)
    expect(value('enrollment_consumer_lag_seconds', { consumer: 'enterprise' })).toBeGreaterThan(0)
  })
})

test('calls of endpoints of webhooks are counted, and failures by endpoint', async () => {
  await using good = await openReceiver()
  await using bad = await openReceiver(refuse(500))
  await using gone = await openReceiver(refuse(410))
  const metrics = openMetrics(db)
  await using app = buildTestApp({ db, metrics })
  const { webhooks, enrollment } = webhookCaller(db)
  const [ofGood, ofBad, ofGone] = [
    await webhooks.create({ url: good.url }),
    await webhooks.create({ url: bad.url }),
    await webhooks.create({ url: gone.url }),
  ]
  const options = { db, log, policy: defaultPolicy, webhooks: WEBHOOK_SETTINGS, extensions: [] }
  await using _ = startBackground({ ...options, observer: metrics.background })
  await enrollment.enroll({ username: (await addLearner(db)).username, courseId: await addCourse(db) })
  await eventually(async () => {
    const { value, labels } = await scrape(app)
    expect(value('enrollment_webhook_attempts_total', { state: 'delivered' })).toBe(1)
    expect(value('enrollment_webhook_attempts_total', { state: 'pending' })).toBeGreaterThan(0)
    expect(value('enrollment_webhook_attempts_total', { state: 'dead' })).toBe(1)
    expect(value('enrollment_webhook_endpoints', { state: 'enabled' })).toBe(2)
    expect(value('enrollment_webhook_endpoints', { state: 'disabled' })).toBe(1)
    for (const [{ id }, hasFailed, lag] of [
      [ofGood, false, 0],
      [ofBad, true, 1],
      [ofGone, true, 0],
    ] as const) {
      const errors = value('enrollment_consumer_errors_total', { consumer: `webhook:${id}` })
      expect(errors).toBeDefined()
      expect(errors !== 0).toBe(hasFailed)
      expect(value('enrollment_consumer_lag_events', { consumer: `webhook:${id}` })).toBe(lag)
    }
    expect(labels('enrollment_background_failures_total', 'step')).toContain('making deliveries of webhooks')
  })
})
