import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { rehearseWebhooks } from './rehearse.ts'
import { isGood } from './verdict.ts'

/**
 * `npm run soak:webhooks`: sends 100 000 events to one endpoint while the server and a PostgreSQL of its own are killed 20 times
 * in all, and prints whether something was lost, came under two ids or out of order (docs/reliability.md).
 *
 * `--events`, `--kills` change the size. It ends with 1 where something is wrong.
 */
const { values } = parseArgs({
  options: { events: { type: 'string', default: '100000' }, kills: { type: 'string', default: '20' } },
})

const dataDir = await mkdtemp(join(tmpdir(), 'soak-'))
try {
  const size = { events: Number(values.events), kills: Number(values.kills) }
  const { kept: _, expected: __, ...report } = await rehearseWebhooks({ dataDir, ...size })
  process.stdout.write(`${JSON.stringify(report)}\n`)
  if (!isGood(report.verdict)) process.exitCode = 1
} finally {
  await rm(dataDir, { recursive: true, force: true })
}
