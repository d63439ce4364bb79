import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { rehearse } from './rehearse.ts'

/**
 * `npm run soak:frozen`: freezes a PostgreSQL of its own for a minute under two thousand callers, then silences half of the
 * connections for as long, and prints what they saw (docs/reliability.md). Linux only: it stops processes by their ids.
 *
 * `--seconds`, `--callers` change the size.
 */
const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, callers: { type: 'string', default: '2000' } },
})

for (const fault of ['frozen', 'halfSilent'] as const) {
  const dataDir = await mkdtemp(join(tmpdir(), 'soak-'))
  const size = { callers: Number(values.callers), faultMs: Number(values.seconds) * 1_000, warmUpMs: 20_000 }
  try {
    process.stdout.write(`${JSON.stringify({ fault, ...(await rehearse({ dataDir, fault, ...size })) })}\n`)
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}
