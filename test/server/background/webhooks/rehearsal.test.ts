// long: kills a server and a PostgreSQL
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { rehearseWebhooks } from '../../../soak/webhooks/rehearse.ts'
import { isGood, verdictOn } from '../../../soak/webhooks/verdict.ts'

test(
  'nothing is lost while server and PostgreSQL are killed, and the check would notice',
  { timeout: 600_000 },
  async () => {
    const dataDir = await mkdtemp(join(inject('scratch'), 'rehearsal-'))
    const { kept, expected, verdict, kills } = await rehearseWebhooks({ dataDir, events: 2_000, kills: 2 })
    expect(kills).toEqual({ server: 1, postgres: 1 })
    expect(expected).toHaveLength(2_000)
    expect(verdict).toEqual({ missing: 0, strangers: 0, idConflicts: 0, outOfOrder: 0, duplicates: expect.any(Number) })
    const lost = kept.filter(({ eventId }) => eventId !== expected[7]?.eventId)
    expect(isGood(verdictOn(lost, expected))).toBe(false)
    expect(isGood(verdictOn(kept.toReversed(), expected))).toBe(false)
  },
)
