import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { openDoors } from './doors.ts'
import { medianOf, type Measurement } from './load.ts'
import { createMeasures, type Measure } from './measures.ts'
import { createWorld } from './world.ts'

/**
 * All ways in, and what an expert would write by hand, measured in one run on the same database: rounds are interleaved
 * so that noise hits all alike, and medians are compared.
 *
 * `--quick` takes under a minute, `--json` ends with one JSON object, `--only a,b` runs some measures and their baselines.
 */
const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, only: { type: 'string' } },
})
const rounds = options.quick ? 3 : 7
const total = options.quick ? 4_000 : 20_000

await using world = await createWorld({ learners: total })
await using doors = await openDoors(world)
const measures = chosen(createMeasures(world, doors), options.only?.split(','))
const runs = new Map<string, Measurement[]>(measures.map(({ name }) => [name, []]))

for (const measure of measures) await measure.run(Math.min(total, 2_000))
for (let round = 1; round <= rounds; round += 1) {
  if (!options.json) process.stderr.write(`round ${round} of ${rounds}\n`)
  for (const measure of measures) {
    runs.get(measure.name)?.push(await measure.run(Math.round(total * (measure.share ?? 1))))
  }
}

const results = measures.map(({ name, against }) => summary(name, against))
if (options.json) {
  const { rows } = await sql<{ version: string }>`select current_setting('server_version') as version`.execute(world.db)
  const machine = { node: process.versions.node, postgres: rows[0]?.version, cpus: cpus().length }
  process.stdout.write(`${JSON.stringify({ ...machine, results })}\n`)
} else {
  process.stdout.write(table(results))
}

function chosen(all: readonly Measure[], only: readonly string[] | undefined): readonly Measure[] {
  if (only === undefined) return all
  const named = all.filter(({ name }) => only.includes(name))
  const names = new Set(named.flatMap(({ name, against }) => (against === undefined ? [name] : [name, against])))
  return all.filter(({ name }) => names.has(name))
}

interface Summary extends Measurement {
  name: string
  /** Of the throughput: the slowest and the fastest round. */
  spread: [number, number]
  against?: string
  ratio?: number
}

function summary(name: string, against: string | undefined): Summary {
  const own = runs.get(name) ?? []
  const median = medianOf(own)
  const throughputs = own.map((run) => run.throughput)
  const spread: [number, number] = [Math.min(...throughputs), Math.max(...throughputs)]
  const baseline = against === undefined ? undefined : runs.get(against)
  if (against === undefined || baseline === undefined) return { name, ...median, spread }
  return { name, ...median, spread, against, ratio: median.throughput / medianOf(baseline).throughput }
}

function table(lines: readonly Summary[]): string {
  const rows = lines.map(({ name, throughput, spread, p50Ms, p99Ms, against, ratio }) => [
    name,
    throughput.toFixed(0),
    spread.map((value) => value.toFixed(0)).join('–'),
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
    ratio === undefined ? '' : `${ratio.toFixed(2)} × ${against}`,
  ])
  const all = [['measure', 'rows/s', 'spread', 'p50 ms', 'p99 ms', 'ratio'], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
