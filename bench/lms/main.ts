import { parseArgs } from 'node:util'
import { openMariadb } from '../../test/support/mariadb.ts'
import { measureLms } from './measures.ts'
import { MILLION, populateLms } from './population.ts'

/**
 * Measures the import of an LMS of 200 000 accounts, a million enrollments and four million history rows, in a MariaDB of its
 * own, beside a bare COPY of the same rows.
 *
 * `--accounts` and `--enrollments` make it smaller, `--no-history` leaves the history out.
 */
const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    accounts: { type: 'string', default: String(MILLION.accounts) },
    enrollments: { type: 'string', default: String(MILLION.enrollments) },
    history: { type: 'boolean', default: true },
  },
})

// As an LMS has it: with the default the random keys of the history take minutes.
await using mariadb = await openMariadb('--innodb-buffer-pool-size=1G', '--innodb-log-file-size=512M')
const started = performance.now()
const url = await populateLms(mariadb, 'edxapp', {
  accounts: Number(options.accounts),
  enrollments: Number(options.enrollments),
  history: options.history,
})
process.stderr.write(`filled in ${((performance.now() - started) / 1000).toFixed(1)} s\n`)
for await (const { name, seconds, megabytes, load } of measureLms(url, options)) {
  const [time, memory] = [seconds.toFixed(1).padStart(7), megabytes.toFixed(0).padStart(5)]
  process.stdout.write(`${time} s ${memory} MB  load ${load.toFixed(1)}  ${name}\n`)
}
