import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { createTestDatabase } from '../support/database.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { KEY } from '../support/rest.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'
import { untilWaiting } from '../support/waiting.ts'
import { callerOf } from '../routers/calls.ts'

// Who has left waits for nothing: what was asked for and has not begun is not done (rpc §1).

const database = await createTestDatabase()
const pool = openDatabase({ connectionString: database.connectionString, poolSize: 4 })
const app = buildTestApp({ db: pool, env: { RATE_LIMITS: 'off' } })
const server = await openTestServer(app)
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await pool.destroy()
  await database[Symbol.asyncDispose]()
})

/** Sends a request over a connection of its own, which ends before the answer. */
async function abandon(to: string, path: string, headers: Record<string, string>, body: object): Promise<() => void> {
  const { hostname, port } = new URL(to)
  const text = JSON.stringify(body)
  const all = { host: 'x', 'content-type': 'application/json', 'content-length': String(text.length), ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.write(`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${text}`)
  return () => socket.destroy()
}

async function pairsOf(count: number) {
  const courseId = await addCourse(database.db)
  return (await addLearners(database.db, count)).map(({ username }) => ({ username, courseId }))
}

type Pair = Awaited<ReturnType<typeof pairsOf>>[number]

const ways: [string, (pair: Pair) => Promise<() => void>][] = [
  [
    'strict batches of the typed API',
    (pair) =>
      abandon(
        server.internal,
        '/trpc/enrollment.enrollMany',
        { authorization: 'Bearer token-of-enterprise' },
        {
          items: [pair],
          failureMode: 'strict',
        },
      ),
  ],
  [
    'requests of the REST API',
    ({ username: user, courseId }) =>
      abandon(server.url, '/api/enrollment/v1/enrollment', KEY, {
        user,
        course_details: { course_id: courseId },
        enrollment_attributes: [{ namespace: 'a', name: 'b', value: 'c' }],
      }),
  ],
]

describe('forty abandoned', () => {
  test.for(ways)(
    '%s that wait for a lock keep nobody from a pool of four, and are not done later',
    async ([, send]) => {
      const [held, other] = await pairsOf(2)
      if (held === undefined || other === undefined) throw new Error('No pairs')
      const trx = await database.db.startTransaction().execute()
      await callerOf(trx).enrollment.enroll(held)
      const leave = await Promise.all(Array.from({ length: 40 }, () => send(held)))
      await sleep(300)
      for (const one of leave) one()
      await sleep(100)
      expect(await callerOf(pool).enrollment.enroll(other)).toMatchObject({ kind: 'created' })
      await sleep(400)
      await untilWaiting(database.db, 0) // What had begun has ended: it waits for a lock only for a moment.
      await trx.rollback().execute()
      await sleep(600)
      expect(await callerOf(pool).enrollment.search({ courseIds: [held.courseId] })).toMatchObject({
        items: [{ username: other.username }],
      })
    },
  )
})
