// long: starts servers, PostgreSQL and Redis, and kills them
import { describe, expect, test } from 'vitest'
import { rehearse } from '../../soak/event-bus/rehearse.ts'
import { freshDirectory } from '../../support/embedded.ts'
import { hasRedis } from '../../support/redis.ts'

const RIGHT = { missing: 0, doubled: 0, unknown: 0, outOfOrder: 0, wrong: 0 }

describe.skipIf(!hasRedis)('the event bus', () => {
  test('has each change once and in order, whoever is killed in the middle of it', async () => {
    const report = await rehearse({ dataDir: await freshDirectory(), events: 8_000, kills: 6 })
    expect(report).toMatchObject({
      events: 8_000,
      entries: { enrollments: 12_000, unenrollments: 2_000 },
      kills: { server: 2, redis: 2, postgres: 2 },
      verdicts: { enrollments: RIGHT, unenrollments: RIGHT },
    })
  })
})
