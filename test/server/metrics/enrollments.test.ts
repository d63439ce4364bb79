import { afterAll, expect, test } from 'vitest'
import { inTransaction } from '../../../core/database/transaction.ts'
import { createCaller } from '../../../routers/index.ts'
import { PrivateRequest } from '../../../server/listeners.ts'
import { createTestDatabase } from '../../support/database.ts'
import { scrape } from '../../support/metrics.ts'
import { KEY } from '../../support/rest.ts'
import { addCourse, addLearner, addLearners } from '../../support/seed.ts'
import { buildTestApp } from '../../support/server.ts'

const OUTCOMES = 'enrollment_outcomes_total'

const database = await createTestDatabase()
const { db } = database
const app = buildTestApp({ db, env: { RATE_LIMITS: 'off' } })
afterAll(async () => {
  await app.close()
  await database[Symbol.asyncDispose]()
})
const { enrollment } = createCaller({ db, actor: { kind: 'service', name: 'tests' } })

/** How often each outcome of an API was counted by some work. */
async function countsOf(via: string, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await scrape(app)
  await work()
  const after = await scrape(app)
  const counts = after.labels(OUTCOMES, 'code').map((code) => {
    const labels = { via, code }
    return [code, (after.value(OUTCOMES, labels) ?? 0) - (before.value(OUTCOMES, labels) ?? 0)] as const
  })
  return Object.fromEntries(counts.filter(([, count]) => count !== 0))
}

test('outcomes and refusals are counted by API', async () => {
  const { username } = await addLearner(db)
  const courseId = await addCourse(db)
  const rest = (user: string) =>
    app.inject({
      method: 'POST',
      url: '/api/enrollment/v1/enrollment',
      headers: KEY,
      payload: { course_details: { course_id: courseId }, user },
    })
  expect(await countsOf('rest', () => rest(username))).toEqual({ created: 1 })
  expect(await countsOf('rest', () => rest(username))).toEqual({ unchanged: 1 })
  const rpc = (payload: object) =>
    app.inject({
      method: 'POST',
      url: '/trpc/enrollment.change',
      headers: { authorization: 'Bearer token-of-enterprise' },
      payload,
      Request: PrivateRequest,
    })
  expect(await countsOf('rpc', () => rpc({ username, courseId, mode: 'verified' }))).toEqual({ modeChanged: 1 })
  expect(await countsOf('rpc', () => rpc({ username, courseId, mode: 'honor' }))).toEqual({ modeUnavailable: 1 })
  const inProcess = () => enrollment.change({ username, courseId, isActive: false })
  expect(await countsOf('caller', inProcess)).toEqual({ deactivated: 1 })
})

test('those of a batch one by one', async () => {
  const courseId = await addCourse(db)
  const learners = await addLearners(db, 20)
  const items = learners.map(({ username }) => ({ username, courseId }))
  const nobody = { username: 'nobody-at-all', courseId }
  expect(await countsOf('caller', () => enrollment.enrollMany({ items: [...items, nobody] }))).toEqual({
    created: 20,
    learnerNotFound: 1,
  })
  expect(await countsOf('caller', () => enrollment.enrollMany({ items, dryRun: true }))).toEqual({})
  const strict = () => enrollment.enrollMany({ items: [...items, nobody], failureMode: 'strict' })
  expect(await countsOf('caller', strict)).toEqual({ learnerNotFound: 1, notAttempted: 20 })
})

test('those of a joined transaction too', async () => {
  const { username } = await addLearner(db)
  const courseId = await addCourse(db)
  const work = () =>
    inTransaction(db, (trx) =>
      createCaller({ db: trx, actor: { kind: 'service', name: 'tests' } }).enrollment.enroll({ username, courseId }),
    )
  expect(await countsOf('caller', work)).toEqual({ created: 1 })
})

test('single calls are counted by the rounds in which they leave', async () => {
  const courseId = await addCourse(db)
  const capped = await addCourse(db, { max_enrollments: 1_000 })
  const learners = await addLearners(db, 100)
  const before = await scrape(app)
  await Promise.all(learners.map(({ username }) => enrollment.enroll({ username, courseId })))
  await Promise.all(learners.map(({ username }) => enrollment.enroll({ username, courseId: capped })))
  const after = await scrape(app)
  const grown = (name: string, batcher: string) =>
    (after.value(name, { batcher }) ?? 0) - (before.value(name, { batcher }) ?? 0)
  expect(grown('enrollment_round_size_sum', 'shared')).toBe(200)
  expect(grown('enrollment_round_size_sum', 'transaction')).toBe(100)
  const rounds = grown('enrollment_round_size_count', 'shared')
  expect(rounds).toBeGreaterThan(0)
  expect(rounds).toBeLessThan(100)
  expect(grown('enrollment_round_wait_seconds_count', 'shared')).toBe(rounds)
  expect(grown('enrollment_round_wait_seconds_sum', 'shared')).toBeGreaterThan(0)
})

test('each server of a pool counts all that happens on it, and none that has closed', async () => {
  const { username } = await addLearner(db)
  const courseId = await addCourse(db)
  const closed = buildTestApp({ db })
  const other = buildTestApp({ db })
  await closed.ready()
  await closed.close()
  await enrollment.enroll({ username, courseId })
  expect((await scrape(other)).value(OUTCOMES, { via: 'caller', code: 'created' })).toBe(1)
  await other.close()
})
