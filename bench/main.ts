import { parseArgs } from 'node:util'
import { openHandPool } from './hand-pool.ts'
import type { Measurement } from './load.ts'
import { startLoadProcess } from './load-process.ts'
import { describeMachine } from './machine.ts'
import { createMeasures, type Measure } from './measures.ts'
import { openPeers } from './peers.ts'
import { findPgbench } from './pgbench.ts'
import { openServer } from './server.ts'
import { summarise, summaryTable } from './summary.ts'
import { createWorld } from './world.ts'

/**
 * All ways in, and what an expert would write by hand, measured in one run on the same database: rounds are interleaved
 * so that noise hits all alike, and medians are compared.
 *
 * `--quick` takes about a minute, `--json` ends with one JSON object, `--only a,b` runs some measures and their baselines.
 */
const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, only: { type: 'string' } },
})
const rounds = options.quick ? 3 : 7
const total = options.quick ? 3_000 : 15_000
/** What makes the same many rows in every round is long enough to be left out of most. */
const longEvery = options.quick ? 3 : 2

await using world = await createWorld({ learners: total })
await using server = await openServer(world.db)
await using hand = await openHandPool(world)
await using peers = await openPeers({ db: world.db, handPool: hand.pool, token: server.token })
using load = startLoadProcess()
const pgbench = await findPgbench(world.connectionString)
if (pgbench === undefined) process.stderr.write('pgbench is not on the path: pgbench-64 is left out\n')

const measures = chosen(createMeasures({ world, server, peers, hand, load, pgbench }), options.only?.split(','))
const runs = new Map<string, Measurement[]>(measures.map(({ name }) => [name, []]))

for (const measure of measures) await measure.run(Math.round(2_000 * (measure.share ?? 1)))
for (let round = 1; round <= rounds; round += 1) {
  if (!options.json) process.stderr.write(`round ${round} of ${rounds}\n`)
  for (const measure of measures) {
    if (measure.rows !== undefined && (round - 1) % longEvery !== 0) continue
    runs.get(measure.name)?.push(await measure.run(measure.rows ?? Math.round(total * (measure.share ?? 1))))
  }
}

const results = []
for (const measure of measures) results.push(summarise(measure, runs, (await measure.facts?.()) ?? {}))
if (options.json) {
  const machine = await describeMachine(world.pool)
  process.stdout.write(`${JSON.stringify({ ...machine, handPoolSize: hand.size, results })}\n`)
} else {
  process.stdout.write(`The hand-written statement is fastest with ${hand.size} connections here.\n\n`)
  process.stdout.write(summaryTable(results))
}

function chosen(all: readonly Measure[], only: readonly string[] | undefined): readonly Measure[] {
  if (only === undefined) return all
  const named = all.filter(({ name }) => only.includes(name))
  const names = new Set(named.flatMap(({ name, against }) => (against === undefined ? [name] : [name, against])))
  return all.filter(({ name }) => names.has(name))
}
