// long: freezes the database
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { rehearse } from '../soak/rehearse.ts'

// The short form of `npm run soak:frozen` (docs/reliability.md): a database of its own that stops under callers of both APIs.

const DEADLINE_MS = 3_000
const env = { REQUEST_DEADLINE: '3s', DATABASE_STATEMENT_TIMEOUT: '1s', DATABASE_LOCK_TIMEOUT: '1s' }

describe.skipIf(process.platform !== 'linux')('under 200 callers', () => {
  test.for(['frozen', 'halfSilent'] as const)('a database that is %s', async (fault) => {
    const dataDir = await mkdtemp(join(inject('scratch'), 'frozen-'))
    const report = await rehearse({ dataDir, fault, faultMs: 8_000, warmUpMs: 3_000, callers: 200, env })
    // With room for a machine that does much else; without a deadline they would wait as long as the fault lasts.
    expect(report.slowestAnswerMs, 'everybody is answered by the deadline').toBeLessThan(2 * DEADLINE_MS)
    expect(Object.keys(report.duringFault).filter((status) => status !== '200' && status !== '503')).toEqual([])
    expect(report.healthzMs.failed).toBe(0)
    expect(report.backAfterMs, 'service is back').toBeLessThan(DEADLINE_MS)
  })
})
