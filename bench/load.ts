/** What a closed loop of callers measured. */
export interface Measurement {
  /** Enrollments per second, or calls where they are refused. */
  throughput: number
  p50Ms: number
  p99Ms: number
  /** How many rows it was; not where several ways are mixed and only one of them is told. */
  rows?: number
  /** Where two ways to do the same are compared: what one costs more, in processor time per call. */
  microseconds?: number
  /** Where two ways to the same answer are compared: how much longer one takes. */
  addedMs?: number
  /** Microseconds of processor time per row. */
  processor?: ProcessorTime
}

/** What each process took, user and system time of all its threads. */
export interface ProcessorTime {
  /** The process with the service in it; callers in the same process are in it too. */
  service?: number
  /** All processes of PostgreSQL. */
  postgres?: number
  /** The process of the load generator, where it has one. */
  load?: number
}

/**
 * Runs `total` calls from `callers` that each start the next call when the last one ended.
 *
 * @param call makes the call with the given number, 0 to `total - 1`.
 * @param rowsPerCall how many enrollments a call makes.
 */
export async function closedLoop(
  { callers, total, rowsPerCall = 1 }: { callers: number; total: number; rowsPerCall?: number },
  call: (index: number) => Promise<unknown>,
): Promise<Measurement> {
  const latencies = new Float64Array(total)
  let next = 0
  const started = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < total) {
        const index = next
        next += 1
        const begin = performance.now()
        await call(index)
        latencies[index] = performance.now() - begin
      }
    }),
  )
  return summarise(latencies, performance.now() - started, rowsPerCall)
}

/** Throughput and percentiles of calls that took `latencies` milliseconds each, `elapsedMs` together. */
export function summarise(latencies: Float64Array, elapsedMs: number, rowsPerCall: number): Measurement {
  const sorted = latencies.toSorted()
  const rows = latencies.length * rowsPerCall
  return {
    throughput: (rows * 1000) / elapsedMs,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    rows,
  }
}

/** The middle one of several measurements, each figure for itself. */
export function medianOf(measurements: readonly Measurement[]): Measurement {
  const middle = (figures: (number | undefined)[]) => {
    const known = figures.filter((figure) => figure !== undefined)
    return known.length === 0 ? undefined : median(known)
  }
  const microseconds = middle(measurements.map((each) => each.microseconds))
  const addedMs = middle(measurements.map((each) => each.addedMs))
  const [service, postgres, load] = (['service', 'postgres', 'load'] as const).map((of) =>
    middle(measurements.map(({ processor }) => processor?.[of])),
  )
  const processor: ProcessorTime = {
    ...(service !== undefined && { service }),
    ...(postgres !== undefined && { postgres }),
    ...(load !== undefined && { load }),
  }
  return {
    throughput: median(measurements.map(({ throughput }) => throughput)),
    p50Ms: median(measurements.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(measurements.map(({ p99Ms }) => p99Ms)),
    ...(microseconds !== undefined && { microseconds }),
    ...(addedMs !== undefined && { addedMs }),
    ...(Object.keys(processor).length > 0 && { processor }),
  }
}

/** The middle one of several figures. */
export function median(figures: readonly number[]): number {
  return percentile(Float64Array.from(figures).toSorted(), 0.5)
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
