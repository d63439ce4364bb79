import { medianOf, type Measurement } from './load.ts'
import type { Facts, MeasureDescription } from './measures/measure.ts'
import { costHead, measured, PROCESSES, ratioOf, type Ratio } from './pairs.ts'
import type { Rounds } from './rounds.ts'
import { table } from './table.ts'

/** One measure over all rounds: medians. */
export interface Summary extends Measurement, Facts, Partial<Ratio> {
  readonly name: string
  /** The slowest and the fastest round: of the throughput, or of the microseconds or milliseconds that are asked for. */
  readonly spread: readonly [number, number]
  /** The fastest of its baselines, which the ratio is to. */
  readonly against?: string
}

/** Sums a measure up. */
export function summarise({ name, against = [] }: MeasureDescription, rounds: Rounds, facts: Facts): Summary {
  const own = measured(rounds.get(name) ?? [])
  const figures = own.map(({ throughput, microseconds, addedMs }) => microseconds ?? addedMs ?? throughput)
  const baseline = fastestOf(against, rounds)
  const ratio = baseline && ratioOf(rounds.get(name) ?? [], rounds.get(baseline) ?? [])
  return {
    name,
    ...medianOf(own),
    spread: [Math.min(...figures), Math.max(...figures)],
    ...(baseline !== undefined && ratio !== undefined && { against: baseline, ...ratio }),
    ...facts,
  }
}

/** A baseline has to be one that nobody can call slow. */
function fastestOf(names: readonly string[], rounds: Rounds): string | undefined {
  const candidates = names.map((name) => ({ name, ...medianOf(measured(rounds.get(name) ?? [])) }))
  return candidates.toSorted((a, b) => b.throughput - a.throughput)[0]?.name
}

/** All measures as a table for people. */
export function summaryTable(summaries: readonly Summary[]): string {
  const heads = [
    'measure',
    'rows/s',
    'spread',
    'p50 ms',
    'p99 ms',
    'ratio',
    'p50 ratio',
    ...PROCESSES.map(costHead),
    '',
  ]
  const rows = summaries.map((summary) => [
    summary.name,
    summary.throughput.toFixed(0),
    isOfThroughput(summary) ? rangeOf(summary, 0) : '',
    summary.p50Ms.toFixed(2),
    summary.p99Ms.toFixed(2),
    summary.ratio === undefined ? '' : `${summary.ratio.toFixed(2)} × ${summary.against}`,
    summary.timeRatio?.toFixed(2) ?? '',
    ...PROCESSES.map((of) => summary.processor?.[of]?.toFixed(1) ?? ''),
    remarksOn(summary),
  ])
  return table([heads, ...rows])
}

function isOfThroughput({ microseconds, addedMs }: Summary): boolean {
  return microseconds === undefined && addedMs === undefined
}

function remarksOn(summary: Summary): string {
  const { microseconds, addedMs, heapGrowthMb, statements = {}, connections, roundTrips } = summary
  return [
    microseconds !== undefined && `${microseconds.toFixed(1)} µs over core (${rangeOf(summary, 1)})`,
    addedMs !== undefined && `the far way adds ${addedMs.toFixed(2)} ms (${rangeOf(summary, 2)})`,
    heapGrowthMb !== undefined && `heap + ${heapGrowthMb.toFixed(1)} MB`,
    ...Object.entries(statements).map(([rows, count]) => `${count} statements for ${rows} rows`),
    connections !== undefined && `${connections} connections`,
    roundTrips !== undefined && `${roundTrips} round trips a call`,
  ]
    .filter((remark) => remark !== false)
    .join(', ')
}

function rangeOf({ spread }: Summary, digits: number): string {
  return spread.map((value) => value.toFixed(digits)).join('–')
}
