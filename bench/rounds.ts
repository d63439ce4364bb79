import type { Measurement } from './load.ts'
import type { MeasureDescription } from './measures/measure.ts'
import type { Side } from './side-process.ts'

/** What one side measured, by measure and round; undefined in a round in which it was left out. */
export type Rounds = ReadonlyMap<string, readonly (Measurement | undefined)[]>

export interface RoundOptions {
  readonly measures: readonly MeasureDescription[]
  readonly rounds: number
  /** Rows of a round. */
  readonly total: number
  /** What makes the same many rows in every round is long enough to be left out of most. */
  readonly longEvery: number
  readonly onRound: (round: number) => void
}

/**
 * Runs all measures in rounds, so that noise hits all alike. Of several sides each measures right after the other, and each is
 * as often the first.
 *
 * @returns the rounds of each side.
 */
export async function runRounds(sides: readonly Side[], options: RoundOptions): Promise<Rounds[]> {
  const { measures, rounds, total, longEvery, onRound } = options
  const results = sides.map((side) => ({
    side,
    runs: new Map<string, (Measurement | undefined)[]>(measures.map(({ name }) => [name, []])),
  }))
  for (const { name, share = 1 } of measures) for (const side of sides) await side.run(name, Math.round(2_000 * share))
  for (let round = 1; round <= rounds; round += 1) {
    onRound(round)
    for (const { name, rows, share = 1 } of measures) {
      const isLeftOut = rows !== undefined && (round - 1) % longEvery !== 0
      for (const { side, runs } of round % 2 === 1 ? results : results.toReversed()) {
        const run = isLeftOut ? undefined : await side.run(name, rows ?? Math.round(total * share))
        runs.get(name)?.push(run)
      }
    }
  }
  return results.map(({ runs }) => runs)
}
