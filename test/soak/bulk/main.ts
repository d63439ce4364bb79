import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openDatabase } from '../../../core/database/open.ts'
import { startEmbeddedDatabase } from '../../../embedded/start.ts'
import { migrateAll } from '../../../server/migrations.ts'
import { rehearsedKinds } from './jobs.ts'
import { rehearseBulk } from './rehearse.ts'

/**
 * `npm run soak:bulk`: a file of a million lines, a roster and an undoing of a tenth as many each, while their server is killed
 * five times each; prints what differs from jobs that nobody disturbed (docs/reliability.md).
 *
 * `--lines`, `--kills` change the size, `--kind` chooses one. It ends with 1 where something is wrong.
 */
const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '1000000' },
    kills: { type: 'string', default: '5' },
    kind: { type: 'string' },
  },
})
const [lines, kills] = [Number(values.lines), Number(values.kills)]

const dataDir = await mkdtemp(join(tmpdir(), 'soak-'))
try {
  // Commits are on disk before they are told: the processes are killed, not the machine.
  await using postgres = await startEmbeddedDatabase({ dataDir, mode: 'owner', settings: { fsync: 'off' } })
  const { connectionString } = postgres
  await using db = openDatabase({ connectionString })
  await migrateAll(db)
  for (const kind of rehearsedKinds.filter((each) => values.kind === undefined || each === values.kind)) {
    const size = kind === 'file' || values.kind !== undefined ? lines : Math.ceil(lines / 10)
    const report = await rehearseBulk({ db, connectionString, kind, lines: size, kills })
    process.stdout.write(`${JSON.stringify(report)}\n`)
    if (report.faults.length > 0) process.exitCode = 1
  }
} finally {
  await rm(dataDir, { recursive: true, force: true })
}
