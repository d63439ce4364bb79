import type { Measurement } from '../load.ts'

/** One line of the benchmark. */
export interface Measure extends MeasureDescription {
  /** Makes ready what is not timed, and returns what is. */
  prepare(total: number): Promise<() => Promise<Measurement>>
  /** What is found out once, after the rounds. */
  readonly facts?: () => Promise<Facts>
}

/** What is told of a measure beforehand. */
export interface MeasureDescription {
  readonly name: string
  /** Baselines of the same run: the fastest of them counts. */
  readonly against?: readonly string[]
  /** A measure without which this one says little. */
  readonly beside?: string
  /** Share of the calls of a round, where a call is slow or makes many rows. */
  readonly share?: number
  /** Rows of a round, whatever the others make. */
  readonly rows?: number
}

/** What is known about a measure beside its speed. */
export interface Facts {
  /** Statements of one batch, by the number of its rows. */
  readonly statements?: Readonly<Record<string, number>>
  /** MB of memory that it holds at the most, without garbage. */
  readonly heapGrowthMb?: number
  /** Connections with which a baseline is fastest. */
  readonly connections?: number
  /** How often a lone call waits for the database. */
  readonly roundTrips?: number
}
