/** How much longer the long text is. */
const LONGER = 16
/** It is judged from the sixth one on: before, code may still be compiled. */
const RUNS = 20
const WARM = 5
/** Microseconds: below this a clock tells more about the machine than about the work. */
const FLOOR = 3_200

/**
 * Whether work takes a time that grows with the length of its input alone: for a text that is 16 times as long about as much as 16
 * times for the short one, where quadratic work takes 16 times as much. Both are measured in this run, in turn, by the processor
 * time of this thread, and the fastest of each counts, so that it says nothing about the speed of the machine or about what else it
 * does. Both take about as long, so that what else it does meets the one as often as the other.
 *
 * @param textOf makes the input; the time for that does not count.
 */
export function growsLinearly(
  work: (text: string) => unknown,
  textOf: (length: number) => string,
  length: number,
): boolean {
  const [text, longText] = [textOf(length), textOf(length * LONGER)]
  let [short, long] = [Infinity, Infinity]
  for (let run = 0; run < RUNS; run += 1) {
    const shortly = timeOf(() => {
      for (let time = 0; time < LONGER; time += 1) work(text)
    })
    short = Math.min(short, shortly)
    long = Math.min(
      long,
      timeOf(() => work(longText)),
    )
    if (run >= WARM && long < 4 * Math.max(short, FLOOR)) return true
  }
  return false
}

function timeOf(work: () => unknown): number {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return user + system
}
