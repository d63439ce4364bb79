import { parseArgs } from 'node:util'
import { findCheckout, HERE } from './checkout.ts'
import { describeMachine } from './machine.ts'
import { chosen } from './measures/chosen.ts'
import { comparePairs, pairTable } from './pairs.ts'
import { openPool, startPostgres } from './postgres.ts'
import { runRounds, type Rounds } from './rounds.ts'
import { startSide, type Side } from './side-process.ts'
import { summarise, summaryTable, type Summary } from './summary.ts'

/**
 * All ways in, and what an expert would write by hand, measured in one run on the same database: rounds are interleaved
 * so that noise hits all alike, and medians are compared.
 *
 * `--quick` has fewer and shorter rounds, `--json` ends with one JSON object, `--only a,b` runs some measures and their
 * baselines, `--against DIR` measures the code of another checkout as well, in pairs.
 */
const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean' },
    quick: { type: 'boolean' },
    only: { type: 'string' },
    against: { type: 'string' },
  },
})
const rounds = options.quick ? 3 : 7
const total = options.quick ? 3_000 : 15_000
const longEvery = options.quick ? 3 : 2

const newer = await findCheckout(HERE)
const older = options.against === undefined ? undefined : await findCheckout(options.against)
await using postgres = await startPostgres()
const onServer = { server: postgres.connectionString, learners: total }
await using newSide = await startSide(newer, { ...onServer, database: 'new' })
await using oldSide = older && (await startSide(older, { ...onServer, database: 'old' }))
const sides = oldSide === undefined ? [newSide] : [newSide, oldSide]

const measures = chosen(newSide.measures, options.only?.split(','))
if (!newSide.measures.some(({ name }) => name === 'pgbench-64')) {
  process.stderr.write('pgbench is not on the path: pgbench-64 is left out\n')
}
const onRound = (round: number) => {
  if (!options.json) process.stderr.write(`round ${round} of ${rounds}\n`)
}
const [newRounds, oldRounds] = await runRounds(sides, { measures, rounds, total, longEvery, onRound })
const results = await sumUp(newSide, newRounds)
const pairs = newRounds && oldRounds && comparePairs(newRounds, oldRounds)
const oldResults = oldSide && (await sumUp(oldSide, oldRounds))

if (options.json) {
  const versions = { version: newSide.version, ...(oldSide && { oldVersion: oldSide.version }) }
  const machine = await describe()
  process.stdout.write(`${JSON.stringify({ ...machine, ...versions, results, oldResults, pairs })}\n`)
} else {
  if (oldSide && oldResults && pairs) {
    process.stdout.write(`new: ${newSide.version}, old: ${oldSide.version}\n\n${pairTable(pairs)}\n`)
    process.stdout.write(`old: ${oldSide.version}\n\n${summaryTable(oldResults)}\nnew: ${newSide.version}\n\n`)
  }
  process.stdout.write(summaryTable(results))
}

async function sumUp(side: Side, runs: Rounds = new Map()): Promise<Summary[]> {
  const summaries: Summary[] = []
  for (const measure of measures) summaries.push(summarise(measure, runs, await side.facts(measure.name)))
  return summaries
}

async function describe() {
  const pool = openPool(postgres.connectionString, 1)
  try {
    return await describeMachine(pool)
  } finally {
    await pool.end()
  }
}
