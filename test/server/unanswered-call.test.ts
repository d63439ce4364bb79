// slow: waits for a deadline
import { setTimeout as nextTurn } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { callerOf } from '../routers/calls.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { buildTestApp } from '../support/server.ts'
import { openSilentProxy } from '../support/silent-proxy.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())

test('a lone call without an answer makes the server not ready, though the database answers whoever asks anew', async () => {
  await using undo = new AsyncDisposableStack()
  const proxy = undo.use(await openSilentProxy(database.connectionString))
  const db = openDatabase({ connectionString: proxy.url, lockTimeoutMs: 4_000, statementTimeoutMs: 60_000 })
  undo.defer(() => db.destroy())
  const app = buildTestApp({ db })
  undo.defer(() => app.close())
  const status = async () => (await app.inject('/readyz')).statusCode
  // The database has two seconds to answer: on a machine that stands still for as long not each time.
  const untilReady = () => eventually(async () => expect(await status()).toBe(200))
  const { username } = await addLearner(database.db)
  const courseId = await addCourse(database.db)

  // The one connection so far, which the call then takes.
  await untilReady()
  expect(proxy.opened()).toBe(1)
  proxy.silence((number) => number === 0)
  const call = callerOf(db).enrollment.enroll({ username, courseId })
  await nextTurn() // Now the call has the connection.
  await untilReady()
  expect(proxy.opened()).toBe(2)
  await eventually(async () => expect(await status()).toBe(503))

  proxy.resume()
  expect(await call).toMatchObject({ kind: 'created' })
  await untilReady()
})
