import { setTimeout as sleep } from 'node:timers/promises'
import type { Caller, EnrollItem } from '../../routers/index.ts'
import { summarise, type Measurement } from '../load.ts'

/**
 * Has somebody enroll learners one after another, with a short pause between them, for as long as some work takes.
 *
 * @param items learners in the course runs that the work is about, whom the work does not touch.
 * @returns how long they waited.
 */
export async function enrollBeside(
  caller: Caller,
  items: Iterator<EnrollItem>,
  work: () => Promise<unknown>,
): Promise<Measurement> {
  const latencies: number[] = []
  let isOver = false
  const working = work().finally(() => (isOver = true))
  const began = performance.now()
  while (!isOver) {
    const { value: item, done } = items.next()
    if (done === true) throw new RangeError('There are not enough learners for that time')
    const start = performance.now()
    await caller.enrollment.enroll(item)
    latencies.push(performance.now() - start)
    await sleep(PAUSE_MS)
  }
  await working
  return summarise(Float64Array.from(latencies), performance.now() - began, 1)
}

const PAUSE_MS = 10

/** How long enrollments took, as words. */
export function waitsOf({ p50Ms, p99Ms, rows }: Measurement): string {
  return `median ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms of ${rows}`
}
