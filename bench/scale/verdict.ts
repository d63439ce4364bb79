import type { Measurement } from '../load.ts'
import { table } from '../table.ts'
import type { ScaleMeasure } from './measures.ts'

/** One cost in both databases, medians over all rounds. */
export interface Comparison {
  readonly name: string
  readonly kind: ScaleMeasure['kind']
  readonly small: Measurement
  readonly large: Measurement
  /** The cost in the large database over that in the small one. */
  readonly growth: number
  /** On a deep page: which it is, and its cost over that of the first one, both in the large database. */
  readonly page?: number
  readonly overFirst?: number
}

/** What the service should keep to, and whether it does. */
export interface Target {
  readonly name: string
  readonly value: number
  readonly limit: number
  readonly met: boolean
}

const LIMITS = { growth: 1.4, pageMs: 10, overFirst: 1.5 }

/** Compares a measure of both databases; `first` is that of the first page where it is one of a deep page. */
export function compare(
  { name, kind, page }: ScaleMeasure,
  { small, large, first }: { small: Measurement; large: Measurement; first: Measurement | undefined },
): Comparison {
  const growth = kind === 'enrollment' ? small.throughput / large.throughput : large.p50Ms / small.p50Ms
  return {
    ...{ name, kind, small, large, growth },
    ...(page !== undefined && { page }),
    ...(first !== undefined && { overFirst: large.p50Ms / first.p50Ms }),
  }
}

/** Holds the comparisons against the limits. */
export function judge(comparisons: readonly Comparison[]): Target[] {
  return comparisons.flatMap(({ name, kind, growth, large, overFirst }) => {
    if (kind === 'enrollment') return [target(`${name}: large over small`, growth, LIMITS.growth)]
    const time = target(`${name}: p50 ms`, large.p50Ms, LIMITS.pageMs)
    return overFirst === undefined
      ? [time]
      : [time, target(`${name}: over the first page`, overFirst, LIMITS.overFirst)]
  })
}

/** Holds a figure against a limit. */
export function target(name: string, value: number, limit: number): Target {
  return { name, value, limit, met: value <= limit }
}

/** Both as tables for people. */
export function comparisonTable(comparisons: readonly Comparison[], targets: readonly Target[]): string {
  const costs = comparisons.map(({ name, kind, small, large, growth, page, overFirst }) => [
    page === undefined ? name : `${name} (page ${page})`,
    costOf(kind, small),
    costOf(kind, large),
    `${growth.toFixed(2)} ×`,
    `${large.p99Ms.toFixed(2)} ms`,
    overFirst === undefined ? '' : `${overFirst.toFixed(2)} × first`,
  ])
  const verdicts = targets.map(({ name, value, limit, met }) => [
    met ? 'kept' : 'MISSED',
    name,
    value.toFixed(2),
    `at most ${limit}`,
  ])
  const heads = ['measure', 'small', 'large', 'large / small', 'p99 large', 'deep page']
  return `${table([heads, ...costs])}\n${table(verdicts)}`
}

function costOf(kind: ScaleMeasure['kind'], { throughput, p50Ms }: Measurement): string {
  return kind === 'enrollment' ? `${(1_000_000 / throughput).toFixed(1)} µs` : `${p50Ms.toFixed(2)} ms`
}
