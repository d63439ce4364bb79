/** What a closed loop of callers measured. */
export interface Measurement {
  /** Enrollments per second. */
  throughput: number
  p50Ms: number
  p99Ms: number
  /** Where two ways to do the same are compared: what one costs more, in processor time per call. */
  microseconds?: number
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
  return {
    throughput: (latencies.length * rowsPerCall * 1000) / elapsedMs,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
  }
}

/** The middle one of several measurements, each figure for itself. */
export function medianOf(measurements: readonly Measurement[]): Measurement {
  const costs = measurements.flatMap(({ microseconds }) => microseconds ?? [])
  return {
    throughput: median(measurements.map(({ throughput }) => throughput)),
    p50Ms: median(measurements.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(measurements.map(({ p99Ms }) => p99Ms)),
    ...(costs.length > 0 && { microseconds: median(costs) }),
  }
}

/** The middle one of several figures. */
export function median(figures: readonly number[]): number {
  return percentile(Float64Array.from(figures).toSorted(), 0.5)
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
