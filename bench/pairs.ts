import { median, medianOf, type Measurement } from './load.ts'
import type { Rounds } from './rounds.ts'
import { table } from './table.ts'

/** What two runs right after each other say of each other: medians over all pairs. */
export interface Ratio {
  /** The throughput over that of the other. */
  readonly ratio: number
  /** The least and the greatest of a pair. */
  readonly ratioSpread: readonly [number, number]
  /** The median latency over that of the other. */
  readonly timeRatio: number
}

/** Of rounds of two measures; undefined where no round has both. */
export function ratioOf(
  own: readonly (Measurement | undefined)[],
  other: readonly (Measurement | undefined)[],
): Ratio | undefined {
  const pairs = own.flatMap((run, round) => {
    const counterpart = other[round]
    return run === undefined || counterpart === undefined ? [] : [{ run, counterpart }]
  })
  if (pairs.length === 0) return undefined
  const ratios = pairs.map(({ run, counterpart }) => run.throughput / counterpart.throughput)
  return {
    ratio: median(ratios),
    ratioSpread: [Math.min(...ratios), Math.max(...ratios)],
    timeRatio: median(pairs.map(({ run, counterpart }) => run.p50Ms / counterpart.p50Ms)),
  }
}

/** One measure in two checkouts. */
export interface Pair extends Ratio {
  readonly name: string
  readonly new: Measurement
  readonly old: Measurement
}

/** Compares two checkouts, measure by measure. */
export function comparePairs(newer: Rounds, older: Rounds): Pair[] {
  return [...newer].flatMap(([name, runs]) => {
    const others = older.get(name) ?? []
    const ratio = ratioOf(runs, others)
    if (ratio === undefined) return []
    return [{ name, ...ratio, new: medianOf(measured(runs)), old: medianOf(measured(others)) }]
  })
}

/** Without the rounds in which nothing was measured. */
export function measured(runs: readonly (Measurement | undefined)[]): Measurement[] {
  return runs.filter((run) => run !== undefined)
}

/** The pairs as a table for people. */
export function pairTable(pairs: readonly Pair[]): string {
  const heads = [
    'measure',
    'old rows/s',
    'new rows/s',
    'new / old',
    'pairs',
    'p50 new / old',
    ...PROCESSES.map(costHead),
  ]
  const rows = pairs.map((pair) => [
    pair.name,
    pair.old.throughput.toFixed(0),
    pair.new.throughput.toFixed(0),
    pair.ratio.toFixed(2),
    pair.ratioSpread.map((ratio) => ratio.toFixed(2)).join('–'),
    pair.timeRatio.toFixed(2),
    ...PROCESSES.map((of) => {
      const [old, now] = [pair.old.processor?.[of], pair.new.processor?.[of]]
      return old === undefined || now === undefined ? '' : `${old.toFixed(1)} → ${now.toFixed(1)}`
    }),
  ])
  return table([heads, ...rows])
}

/** In the order of the columns. */
export const PROCESSES = ['service', 'postgres', 'load'] as const

/** The head of a column with the processor time of a process per row. */
export function costHead(of: (typeof PROCESSES)[number]): string {
  return `${of} µs`
}
