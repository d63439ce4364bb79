import { existsSync } from 'node:fs'
import type { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openProcessorClock } from '../../bench/processor-time.ts'
import { startEmbeddedDatabase, type EmbeddedDatabase } from '../../embedded/start.ts'
import { freshDirectory } from '../support/embedded.ts'
import { openPool } from '../support/open-pool.ts'

// A server of its own: what the tests beside this one do on theirs is time of PostgreSQL as well.
let server: EmbeddedDatabase
let pool: Pool
beforeAll(async () => {
  const settings = { autovacuum: 'off' }
  server = await startEmbeddedDatabase({ dataDir: await freshDirectory(), mode: 'owner', durable: false, settings })
  pool = openPool({ connectionString: server.connectionString, max: 1 })
})
afterAll(async () => {
  await pool.end()
  await server.stop()
})

const figures = { throughput: 1, p50Ms: 1, p99Ms: 1 }

// Linux alone tells of other processes.
describe.runIf(process.platform === 'linux')('processor time per row', () => {
  test('what PostgreSQL does is told apart from what this process does', async () => {
    const clock = await openProcessorClock(pool)
    const before = process.cpuUsage()
    const { processor: inPostgres } = await clock(async () => {
      await pool.query('select count(*) from generate_series(1, 2000000)')
      return { ...figures, rows: 10 }
    })
    const { user, system } = process.cpuUsage(before)
    const { processor: here } = await clock(async () => {
      const until = process.cpuUsage().user + 200_000
      while (process.cpuUsage().user < until);
      return { ...figures, rows: 10 }
    })
    // Two million rows take tens of milliseconds there, and none of it is ours, whatever this process does meanwhile.
    expect(inPostgres?.postgres).toBeGreaterThan(2_000)
    expect(inPostgres?.service).toBeLessThanOrEqual((user + system) / 10)
    // While this process is busy PostgreSQL rests.
    expect(here?.service).toBeGreaterThanOrEqual(20_000)
    expect(here?.postgres).toBeLessThan(20_000)
  })

  test('that of a connection which has ended in the meantime counts too', async () => {
    const clock = await openProcessorClock(pool)
    const { processor } = await clock(async () => {
      const brief = openPool({ connectionString: server.connectionString, max: 1 })
      await brief.query('select count(*) from generate_series(1, 2000000)')
      const { rows } = await brief.query<{ pid: number }>('select pg_backend_pid() as pid')
      await brief.end()
      // It is there until its parent has taken notice of its end.
      while (existsSync(`/proc/${rows[0]?.pid}`)) await new Promise(setImmediate)
      return { ...figures, rows: 1 }
    })
    // Two million rows take tens of milliseconds.
    expect(processor?.postgres).toBeGreaterThan(20_000)
  })

  test('what the measurement itself tells of a load generator stays, and one without rows has none', async () => {
    const clock = await openProcessorClock(pool)
    const { processor } = await clock(async () => ({ ...figures, rows: 1, processor: { load: 7 } }))
    expect(processor).toMatchObject({ load: 7, service: expect.any(Number), postgres: expect.any(Number) })
    expect(await clock(async () => figures)).toEqual(figures)
  })
})
