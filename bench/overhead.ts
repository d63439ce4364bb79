import { closedLoop, median, medianOf, summarise, type Measurement } from './load.ts'

/** Makes one enrollment; the course is one that the learner is not enrolled in. */
export type EnrollOnce = (username: string, courseId: string) => Promise<unknown>

export interface OverheadOptions {
  readonly usernames: readonly string[]
  readonly newCourse: () => Promise<string>
  /** What is called without anything around it, and the same with something around it. */
  readonly bare: EnrollOnce
  readonly wrapped: EnrollOnce
}

const CALLERS = 64

/** Calls of one block: some rounds of all callers. */
const BLOCK = 250

/**
 * Measures what a wrapping costs 64 callers: processor time of this process, of all its threads, per call. Waiting for
 * the database and its noise are not in it; the garbage that is left is. Blocks alternate as bare, wrapped, wrapped, bare,
 * so that whatever drifts hits both sides alike, and the median of the differences is taken.
 *
 * @param total calls of each side.
 * @returns how the wrapped calls went, with the difference in `microseconds` per call.
 */
export async function measureOverhead(total: number, options: OverheadOptions): Promise<Measurement> {
  const differences: number[] = []
  const wrapped: Measurement[] = []
  for (let done = 0; done < total; done += 2 * BLOCK) {
    const before = await runBlock(options.bare, options)
    const first = await runBlock(options.wrapped, options)
    const second = await runBlock(options.wrapped, options)
    const after = await runBlock(options.bare, options)
    differences.push((first.microseconds + second.microseconds - before.microseconds - after.microseconds) / 2)
    wrapped.push(first.measurement, second.measurement)
  }
  return { ...medianOf(wrapped), microseconds: median(differences) }
}

async function runBlock(call: EnrollOnce, { usernames, newCourse }: OverheadOptions) {
  const courseId = await newCourse()
  const before = process.cpuUsage()
  const measurement = await closedLoop({ callers: CALLERS, total: BLOCK }, (index) =>
    call(usernames[index] ?? '', courseId),
  )
  return { measurement, microseconds: processorTimeSince(before) / BLOCK }
}

/**
 * The same for one caller, who makes the calls in turn. Each is looked at for itself: the difference is that of the
 * median calls, which no collection of garbage and no other process has disturbed.
 */
export async function measureOverheadAlone(
  total: number,
  { usernames, newCourse, bare, wrapped }: OverheadOptions,
): Promise<Measurement> {
  const sides = [
    { call: bare, courseId: await newCourse(), costs: new Float64Array(total), latencies: new Float64Array(total) },
    { call: wrapped, courseId: await newCourse(), costs: new Float64Array(total), latencies: new Float64Array(total) },
  ]
  for (const [index, username] of usernames.slice(0, total).entries()) {
    // Each side is as often the first.
    for (const { call, courseId, costs, latencies } of index % 2 === 0 ? sides : sides.toReversed()) {
      const started = performance.now()
      const before = process.cpuUsage()
      await call(username, courseId)
      costs[index] = processorTimeSince(before)
      latencies[index] = performance.now() - started
    }
  }
  const [cheap, dear] = sides.map(({ costs }) => median([...costs]))
  const latencies = sides.at(-1)?.latencies ?? new Float64Array()
  const elapsed = latencies.reduce((sum, latency) => sum + latency, 0)
  return { ...summarise(latencies, elapsed, 1), microseconds: (dear ?? Number.NaN) - (cheap ?? Number.NaN) }
}

/** Microseconds. */
function processorTimeSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return user + system
}
