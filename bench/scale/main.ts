import { parseArgs } from 'node:util'
import { medianOf, type Measurement } from '../load.ts'
import { startLoadProcess } from '../load-process.ts'
import { describeMachine } from '../machine.ts'
import { startPostgres, type Store } from '../postgres.ts'
import { openServer } from '../server.ts'
import { createScaleMeasures } from './measures.ts'
import { populate } from './population.ts'
import { compare, comparisonTable, judge } from './verdict.ts'

/**
 * What an enrollment and a page cost in a database of 100 thousand enrollments and in one of 5 million, both on one
 * server: rounds are interleaved so that noise hits both alike, and medians are compared.
 *
 * `--rows` makes the large one smaller, `--rounds` (5) more trustworthy, `--shared-buffers` (1GB) is the cache of
 * PostgreSQL, `--json` ends with one JSON object.
 */
const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean' },
    rows: { type: 'string', default: '5000000' },
    rounds: { type: 'string', default: '5' },
    'shared-buffers': { type: 'string', default: '1GB' },
  },
})
const SMALL = 100_000
const rows = wholeNumber('--rows', options.rows, { min: SMALL, step: 10_000 })
const rounds = wholeNumber('--rounds', options.rounds, { min: 1, step: 1 })

await using postgres = await startPostgres({ sharedBuffers: options['shared-buffers'] })
await using load = startLoadProcess()
await using smallStore = await postgres.createStore('small')
await using largeStore = await postgres.createStore('large')
await using smallServer = await openServer(smallStore.db)
await using largeServer = await openServer(largeStore.db)
const small = await prepare(smallStore, smallServer, SMALL)
const large = await prepare(largeStore, largeServer, rows)
// After the second one is filled: the cost of writing that down is over then.
await largeStore.pool.query('checkpoint')

for (const measure of [...small, ...large]) await measure.run()
for (let round = 1; round <= rounds; round += 1) {
  process.stderr.write(`round ${round} of ${rounds}\n`)
  for (const [index, measure] of large.entries()) {
    for (const side of [small[index], measure]) side?.runs.push(await side.run())
  }
}

const medians = new Map(large.map(({ name, runs }) => [name, medianOf(runs)]))
const comparisons = large.map((measure, index) =>
  compare(measure, {
    small: medianOf(small[index]?.runs ?? []),
    large: medianOf(measure.runs),
    first: measure.first === undefined ? undefined : medians.get(measure.first),
  }),
)
const targets = judge(comparisons)
if (options.json) {
  const machine = await describeMachine(smallStore.pool)
  process.stdout.write(
    `${JSON.stringify({ ...machine, rows: { small: SMALL, large: rows }, results: comparisons, targets })}\n`,
  )
} else {
  process.stdout.write(`small: ${SMALL} enrollments, large: ${rows}\n\n${comparisonTable(comparisons, targets)}`)
}

async function prepare(store: Store, server: Awaited<ReturnType<typeof openServer>>, size: number) {
  const population = await populate(store, size)
  const measures = await createScaleMeasures({ population, server }, { load, calls: 5_000 })
  return measures.map((measure) => ({ ...measure, runs: [] as Measurement[] }))
}

function wholeNumber(name: string, text: string, { min, step }: { min: number; step: number }): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= min && value % step === 0) return value
  throw new RangeError(`${name} is a multiple of ${step}, at least ${min}`)
}
