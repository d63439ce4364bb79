import { Worker } from 'node:worker_threads'

/** Calls back at a moment that is exact to some tens of microseconds, where a timer of Node.js is to a millisecond. */
export interface Alarm extends AsyncDisposable {
  /** Sets the moment, in milliseconds of {@link now}; one at a time, again from the callback on. */
  set(atMs: number): void
}

/** Starts the thread that sleeps for it: this one goes on, and no processor is kept busy by waiting. */
export function startAlarm(onTime: () => void): Alarm {
  const memory: AlarmMemory = { times: new SharedArrayBuffer(4), moment: new SharedArrayBuffer(8) }
  const [times, moment] = [new Int32Array(memory.times), new Float64Array(memory.moment)]
  const thread = new Worker(new URL('./alarm-thread.ts', import.meta.url), { workerData: memory })
  thread.on('message', onTime)
  return {
    set: (atMs) => {
      moment[0] = atMs
      Atomics.add(times, 0, 1)
      Atomics.notify(times, 0)
    },
    [Symbol.asyncDispose]: async () => {
      await thread.terminate()
    },
  }
}

/** What both threads see. */
export interface AlarmMemory {
  /** How often the alarm was set: 32 bits. */
  readonly times: SharedArrayBuffer
  /** The moment: a floating point number of 64 bits. */
  readonly moment: SharedArrayBuffer
}

/** Milliseconds of a clock that is the same in all threads, unlike that of `performance`. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
