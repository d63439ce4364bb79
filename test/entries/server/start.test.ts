import { ConfigError, startServer } from 'enrollment-service/server'
import { createClient } from 'enrollment-service/client'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../support/database.ts'
import { addCourse, addLearner } from '../../support/seed.ts'

const token = 'a-token-of-the-tests'

function settingsFor(connectionString: string) {
  return {
    DATABASE_URL: connectionString,
    PORT: 0,
    INTERNAL_PORT: 0,
    INTERNAL_TOKENS: `shop:${token}`,
    EDX_API_KEY: 'an-api-key-of-the-tests',
    JWT_SECRET: 'a-secret-of-the-tests-with-32-bytes',
    LOG_LEVEL: 'silent',
  }
}

test('the whole server runs in this process, with a rule of its owner', async () => {
  await using database = await createTestDatabase()
  const { username } = await addLearner(database.db)
  const courseId = await addCourse(database.db)
  const filter = { name: 'closed', check: () => ({ veto: 'Closed on Sundays.' }) }
  const policy = { filters: [filter] }

  await using server = await startServer(settingsFor(database.connectionString), { policy })
  await using client = createClient({ url: 'internalUrl' in server ? server.internalUrl : '', token })

  expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
  await expect(client.enrollment.enroll.mutate({ username, courseId })).rejects.toThrow('Closed on Sundays.')
  await server.close()
  await expect(fetch(`${server.url}/healthz`)).rejects.toThrow('fetch failed')
})

test('all that is wrong with the settings is said at once, wrong names among it', async () => {
  await expect(startServer({ PORTT: 1 })).rejects.toThrow('PORTT is not the name of a setting')
  await expect(startServer({ PORT: -1, LOG_LEVEL: 'loud' })).rejects.toThrow(/PORT [^]*LOG_LEVEL /)
  await expect(startServer({ PORT: -1 })).rejects.toBeInstanceOf(ConfigError)
})
