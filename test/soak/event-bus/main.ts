import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { rehearse } from './rehearse.ts'

/**
 * `npm run soak:event-bus`: sends a hundred thousand changes to the event bus while servers, PostgreSQL and Redis are killed
 * twenty times in all, and prints what the streams have (docs/reliability.md). Wants Debian's redis-server.
 *
 * `--events`, `--kills` change the size.
 */
const { values } = parseArgs({
  options: { events: { type: 'string', default: '100000' }, kills: { type: 'string', default: '20' } },
})

const dataDir = await mkdtemp(join(tmpdir(), 'soak-'))
try {
  const report = await rehearse({ dataDir, events: Number(values.events), kills: Number(values.kills) })
  process.stdout.write(`${JSON.stringify(report)}\n`)
  const faults = Object.values(report.verdicts).flatMap((verdict) => Object.values(verdict))
  process.exitCode = faults.every((count) => count === 0) ? 0 : 1
} finally {
  await rm(dataDir, { recursive: true, force: true })
}
