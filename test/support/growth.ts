/** How much longer the long text is. */
const LONGER = 16
const RUNS = 7
/** Microseconds: below this a clock tells more about the machine than about the work. */
const FLOOR = 200

/**
 * Whether work takes a time that grows with the length of its input alone: for a text that is 16 times as long about 16 times
 * as much, where quadratic work takes 256 times as much. Both are measured in this run, in turn, by the processor time of this
 * thread, and the fastest of each counts, so that it says nothing about the speed of the machine or about what else it does.
 *
 * @param textOf makes the input; the time for that does not count.
 */
export function growsLinearly(
  work: (text: string) => unknown,
  textOf: (length: number) => string,
  length: number,
): boolean {
  const texts = [textOf(length), textOf(length * LONGER)]
  const fastest = [Infinity, Infinity]
  for (let run = 0; run < RUNS; run += 1) {
    for (const [index, text] of texts.entries()) {
      fastest[index] = Math.min(
        fastest[index] ?? Infinity,
        timeOf(() => work(text)),
      )
    }
  }
  const [short = 0, long = 0] = fastest
  return long < 4 * LONGER * Math.max(short, FLOOR)
}

function timeOf(work: () => unknown): number {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return user + system
}
