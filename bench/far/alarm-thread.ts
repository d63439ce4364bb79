import { parentPort, workerData } from 'node:worker_threads'
import { now, type AlarmMemory } from './alarm.ts'

// Sleeps in the kernel, which wakes a thread to some tens of microseconds; an event loop is woken to a millisecond.

/** The kernel and the way to the other thread take about as long. */
const EARLY_MS = 0.08

const memory = workerData as AlarmMemory // What `startAlarm` gives.
const [times, moment] = [new Int32Array(memory.times), new Float64Array(memory.moment)]
const never = new Int32Array(new SharedArrayBuffer(4))

for (let seen = 0; ;) {
  Atomics.wait(times, 0, seen)
  seen = Atomics.load(times, 0)
  const left = (moment[0] ?? 0) - now() - EARLY_MS
  if (left > 0) Atomics.wait(never, 0, 0, left)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of Node.js, not a window
  parentPort?.postMessage(null)
}
