/** How much larger the larger text is. */
export const GROWTH = 8

const RUNS = 5
/** Milliseconds: below this a clock tells more about the machine than about the work. */
const FLOOR_MS = 0.2

/**
 * How many times longer work takes for input that is eight times as long: about eight where time is linear, 64 where it is
 * quadratic. Both lengths are measured in this run, in turn, and the fastest of each counts, so that it says nothing about the
 * speed of the machine or about what else it does.
 *
 * @param work does its work for an input of a length.
 */
export function growthOf(work: (length: number) => unknown, length: number): number {
  const fastest = { short: Infinity, long: Infinity }
  for (let run = 0; run < RUNS; run += 1) {
    fastest.short = Math.min(
      fastest.short,
      timeOf(() => work(length)),
    )
    fastest.long = Math.min(
      fastest.long,
      timeOf(() => work(length * GROWTH)),
    )
  }
  return fastest.long / Math.max(fastest.short, FLOOR_MS)
}

function timeOf(work: () => unknown): number {
  const started = performance.now()
  work()
  return performance.now() - started
}
