import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openDatabase } from '../../../core/database/open.ts'
import { startEmbeddedDatabase } from '../../../embedded/start.ts'
import { migrateAll } from '../../../server/migrations.ts'
import { soakWatchers } from './watch.ts'

/**
 * `npm run soak:watch`: a thousand watchers of the feed over two server processes, each cut five times during ten thousand events,
 * while one of the servers is killed. Ends with 1 unless each watcher has seen each event once, in order, and prints what that
 * takes of the processor, compared with the same events without watchers.
 *
 * `--watchers`, `--cuts`, `--events` change the size.
 */
const { values } = parseArgs({
  options: {
    watchers: { type: 'string', default: '1000' },
    cuts: { type: 'string', default: '5' },
    events: { type: 'string', default: '10000' },
  },
})
const size = { watchers: Number(values.watchers), cuts: Number(values.cuts), events: Number(values.events) }
const dataDir = await mkdtemp(join(tmpdir(), 'soak-'))
try {
  await using embedded = await startEmbeddedDatabase({ dataDir, mode: 'owner', durable: false })
  const { connectionString } = embedded
  await using db = openDatabase({ connectionString })
  await migrateAll(db)
  const report = await soakWatchers({ db, connectionString, ...size })
  const ratio = report.processor.with / report.processor.without
  process.stdout.write(`${JSON.stringify({ ...size, ...report, ratio: Number(ratio.toFixed(2)) })}\n`)
  process.exitCode = report.faults.length === 0 ? 0 : 1
} finally {
  await rm(dataDir, { recursive: true, force: true })
}
