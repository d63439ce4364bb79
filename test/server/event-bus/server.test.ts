// slow: starts servers
import { afterAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { entriesOf, hasRedis, openRedis } from '../../support/redis.ts'
import { SECRETS, startServer } from '../../support/server-process.ts'
import { enrollMany, LIFECYCLE, positionKeyIn } from './bus.ts'

describe.skipIf(!hasRedis)('a server with an event bus', async () => {
  const redis = hasRedis ? await openRedis() : (undefined as never) // Nothing below runs without it.
  afterAll(() => redis?.[Symbol.asyncDispose]())

  test('starts without Redis, says so without end, and sends what happened in the meantime', async () => {
    await using database = await createTestDatabase()
    await redis.kill()
    const server = start(database.connectionString)
    await server.ready
    await enrollMany(database.db, 3)
    await eventually(() => expect(linesOf(server.stdout(), 'event-bus) failed')).toBeGreaterThan(0), 100)
    await redis.start()
    await redis.client.flushall()
    await eventually(async () => expect(await entriesOf(redis, LIFECYCLE)).toHaveLength(6), 100)
    await eventually(() => expect(linesOf(server.stdout(), 'event-bus) works again')).toBe(1), 100)
    expect(linesOf(server.stdout(), 'event-bus) failed')).toBeLessThan(6)
  })

  test('stops while Redis is silent', async () => {
    await using database = await createTestDatabase()
    await redis.client.flushall()
    const server = start(database.connectionString)
    await server.ready
    await eventually(async () => expect(await redis.client.exists(await positionKeyIn(database.db))).toBe(1), 100)
    redis.signal('SIGSTOP')
    try {
      await enrollMany(database.db, 1)
      server.child.kill('SIGTERM')
      expect(await server.exit).toBe(0)
    } finally {
      redis.signal('SIGCONT')
    }
  })

  test('is followed by another when it is killed', async () => {
    await using database = await createTestDatabase()
    await redis.client.flushall()
    const servers = [start(database.connectionString), start(database.connectionString)]
    await Promise.all(servers.map((server) => server.ready))
    await enrollMany(database.db, 1)
    await eventually(async () => expect(await entriesOf(redis, LIFECYCLE)).toHaveLength(2), 100)
    const next = [start(database.connectionString), start(database.connectionString)]
    await Promise.all(next.map((server) => server.ready))
    // Whichever of them it is that sends: after both are gone, others have taken over.
    for (const [index, server] of servers.entries()) {
      server.child.kill('SIGKILL')
      await server.exit
      await enrollMany(database.db, 1)
      await eventually(async () => expect(await entriesOf(redis, LIFECYCLE)).toHaveLength(4 + 2 * index), 100)
    }
  })

  test('does not start where its topics are misspelt', async () => {
    await using database = await createTestDatabase()
    const server = start(database.connectionString, { EVENT_BUS_TOPICS: '{"org.openedx.learning.typo.v1": ["a"]}' })
    expect(await server.exit).toBe(1)
    expect(server.stderr()).toContain("EVENT_BUS_TOPICS names 'org.openedx.learning.typo.v1'")
  })

  function start(connectionString: string, env: Record<string, string> = {}) {
    return startServer({ DATABASE_URL: connectionString, EVENT_BUS_REDIS_URL: redis.url, ...SECRETS, ...env })
  }
})

function linesOf(text: string, part: string): number {
  return text.split('\n').filter((line) => line.includes(part)).length
}
