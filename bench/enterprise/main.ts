import { parseArgs } from 'node:util'
import { median } from '../load.ts'
import { startLoadProcess } from '../load-process.ts'
import { describeMachine } from '../machine.ts'
import { openServer } from '../server.ts'
import { createCustomer, LEARNERS_OF_BATCH, COURSES } from './customer.ts'
import { enrollBatch, enrollOneByOne, type BatchCost } from './measures.ts'
import { report, verdict } from './report.ts'

/**
 * What the enterprise tenant is for: a customer's learners times its course runs in one call, against the same kind of
 * pairs sent to the REST door one by one. The call does more: links, records, licenses, and whom to tell.
 *
 * `--rounds` (5) makes it more trustworthy, `--rows` (66975) another large batch, `--sample` (2000) is how many pairs go
 * through the REST door in each round, `--json` ends with one JSON object.
 */
const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean' },
    rounds: { type: 'string', default: '5' },
    rows: { type: 'string', default: '66975' },
    sample: { type: 'string', default: '2000' },
  },
})
const rounds = wholeNumber('--rounds', options.rounds, 1)
const rows = wholeNumber('--rows', options.rows, COURSES)
const sample = wholeNumber('--sample', options.sample, COURSES)
const WARM_UP = 5
const [large, single] = [rows / COURSES, sample / COURSES]

const learners = LEARNERS_OF_BATCH * (WARM_UP + rounds) + large + 2 * single * (1 + rounds)
await using customer = await createCustomer({ learners })
await using server = await openServer(customer.db)
await using load = startLoadProcess()

for (let n = 0; n < WARM_UP; n += 1) await enrollBatch(customer, LEARNERS_OF_BATCH)
for (const connections of [1, 16]) await enrollOneByOne({ customer, server, load }, single, connections)

const batches: BatchCost[] = []
const rates = new Map<number, number[]>([
  [1, []],
  [16, []],
])
for (let round = 1; round <= rounds; round += 1) {
  process.stderr.write(`round ${round} of ${rounds}\n`)
  batches.push(await enrollBatch(customer, LEARNERS_OF_BATCH))
  for (const [connections, measured] of rates) {
    const { throughput } = await enrollOneByOne({ customer, server, load }, single, connections)
    measured.push(throughput)
  }
}
process.stderr.write(`${rows} rows\n`)
const largeBatch = await enrollBatch(customer, large)

const results = {
  batch: {
    rows: LEARNERS_OF_BATCH * COURSES,
    milliseconds: median(batches.map(({ milliseconds }) => milliseconds)),
    statements: batches[0]?.statements ?? 0,
  },
  large: { rows, milliseconds: largeBatch.milliseconds, statements: largeBatch.statements },
  oneByOne: [...rates].map(([connections, measured]) => ({ connections, sample, rowsPerSecond: median(measured) })),
}
if (options.json) {
  const machine = await describeMachine(customer.pool)
  process.stdout.write(`${JSON.stringify({ ...machine, rounds, ...results, targets: verdict(results) })}\n`)
} else {
  process.stdout.write(report(results))
}

function wholeNumber(name: string, text: string, step: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= step && value % step === 0) return value
  throw new RangeError(`${name} is a multiple of ${step}, at least ${step}`)
}
