import { medianOf, type Measurement } from './load.ts'
import type { Facts, Measure } from './measures.ts'
import { table } from './table.ts'

/** One measure over all rounds: medians. */
export interface Summary extends Measurement, Facts {
  readonly name: string
  /** The slowest and the fastest round: of the throughput, or of the microseconds where they are what is asked for. */
  readonly spread: readonly [number, number]
  readonly against?: string
  /** The throughput over that of the baseline. */
  readonly ratio?: number
  /** The throughput over that of the set insert by hand. */
  readonly ratioToUnnest?: number
}

export type Rounds = ReadonlyMap<string, readonly Measurement[]>

/** Sums a measure up. */
export function summarise({ name, against }: Measure, rounds: Rounds, facts: Facts): Summary {
  const own = rounds.get(name) ?? []
  const figures = own.map(({ throughput, microseconds }) => microseconds ?? throughput)
  const median = medianOf(own)
  const ratioTo = (other: string) => {
    const baseline = rounds.get(other)
    return baseline === undefined ? undefined : median.throughput / medianOf(baseline).throughput
  }
  const ratio = against === undefined ? undefined : ratioTo(against)
  const ratioToUnnest = ratioTo('unnest-1000')
  return {
    name,
    ...median,
    spread: [Math.min(...figures), Math.max(...figures)],
    ...(against !== undefined && ratio !== undefined && { against, ratio }),
    ...(ratioToUnnest !== undefined && { ratioToUnnest }),
    ...facts,
  }
}

/** All measures as a table for people. */
export function summaryTable(summaries: readonly Summary[]): string {
  const heads = ['measure', 'rows/s', 'spread', 'p50 ms', 'p99 ms', 'ratio', '× unnest-1000', '']
  const rows = summaries.map((summary) => [
    summary.name,
    summary.throughput.toFixed(0),
    summary.microseconds === undefined ? rangeOf(summary) : '',
    summary.p50Ms.toFixed(2),
    summary.p99Ms.toFixed(2),
    summary.ratio === undefined ? '' : `${summary.ratio.toFixed(2)} × ${summary.against}`,
    summary.ratioToUnnest?.toFixed(2) ?? '',
    remarksOn(summary),
  ])
  return table([heads, ...rows])
}

function remarksOn(summary: Summary): string {
  const { microseconds, heapGrowthMb, statements } = summary
  if (microseconds !== undefined) return `${microseconds.toFixed(1)} µs over core (${rangeOf(summary)})`
  if (heapGrowthMb !== undefined) return `heap + ${heapGrowthMb.toFixed(1)} MB`
  if (statements === undefined) return ''
  return Object.entries(statements)
    .map(([rows, count]) => `${count} statements for ${rows} rows`)
    .join(', ')
}

function rangeOf({ spread, microseconds }: Summary): string {
  const digits = microseconds === undefined ? 0 : 1
  return spread.map((value) => value.toFixed(digits)).join('–')
}
