// The whole server in a process of a consumer, with a route, a rule and a consumer of the feed of its own.
import assert from 'node:assert/strict'
import { createClient } from 'enrollment-service/client'
import type { Extension } from 'enrollment-service/extension'
import { startServer } from 'enrollment-service/server'
import { courseRunLine, learnerLine, modeLine, startTestDatabase } from 'enrollment-service/testing'
import { sql } from 'kysely'

const courseId = 'course-v1:edX+DemoX+2026'
const seen: string[] = []

const shop: Extension = {
  name: 'shop',
  migrations: { '0001_orders': { up: async (db) => void (await sql`create table orders (id bigint)`.execute(db)) } },
  routes: async (app) => void app.get('/shop/hours', async () => ({ open: true })),
  workers: () => ({
    consumers: [
      {
        name: 'shop',
        intervalMs: 50,
        apply: async (_trx, events) => void seen.push(...events.map(({ username }) => username)),
      },
    ],
  }),
}

const database = await startTestDatabase({
  seed: [
    learnerLine({ username: 'alice' }),
    learnerLine({ username: 'carol' }),
    courseRunLine({ courseId }),
    modeLine({ courseId }),
  ],
})
const token = 'a-token-of-the-tests'
const server = await startServer(
  {
    DATABASE_URL: database.connectionString,
    PORT: 0,
    INTERNAL_PORT: 0,
    INTERNAL_TOKENS: `shop:${token}`,
    EDX_API_KEY: 'an-api-key-of-the-tests',
    JWT_SECRET: 'a-secret-of-the-tests-with-32-bytes',
    LOG_LEVEL: 'warn',
  },
  {
    extensions: [shop],
    policy: {
      filters: [
        { name: 'no-carol', check: ({ learner }) => (learner.username === 'carol' ? { veto: 'No.' } : undefined) },
      ],
    },
  },
)
assert.ok('internalUrl' in server)
const client = createClient({ url: server.internalUrl, token })
try {
  assert.equal((await client.enrollment.enroll.mutate({ username: 'alice', courseId })).kind, 'created')
  await assert.rejects(client.enrollment.enroll.mutate({ username: 'carol', courseId }), { message: 'No.' })
  assert.deepEqual(await (await fetch(`${server.url}/shop/hours`)).json(), { open: true })
  // Transactions of others on the same server hold the feed back.
  const deadline = Date.now() + 120_000
  while (seen.length === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual(seen, ['alice'])
  for await (const { id, data } of client.events.watch({ after: '0-0', kinds: ['created'] })) {
    assert.deepEqual([id, data.username], [data.cursor, 'alice'])
    break
  }
  console.log('done')
} finally {
  await client.close()
  await server.close()
  await database[Symbol.asyncDispose]()
}
