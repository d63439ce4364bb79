import { afterAll, expect, test } from 'vitest'
import { createCaller, defaultPolicy } from '../../../routers/index.ts'
import { startBackground } from '../../../server/background/start.ts'
import type { Extension } from '../../../server/extension.ts'
import { openMetrics } from '../../../server/metrics/open.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { scrape } from '../../support/metrics.ts'
import { addCourse, addLearner } from '../../support/seed.ts'
import { buildTestApp } from '../../support/server.ts'

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
