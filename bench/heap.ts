import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Measures how much memory some work holds at the most. Garbage is collected before each look at the heap, because what
 * the engine lets lie is many times as much, and says nothing about the work.
 *
 * @param work calls `sample` at the moments at which to look.
 * @returns MB of the largest sample, more than before or after the work, whichever is less.
 */
export async function heapGrowthOf(work: (sample: () => void) => Promise<void>): Promise<number> {
  setFlagsFromString('--expose-gc')
  // A context that is made after the flag was set has the function.
  const collect = runInNewContext('gc') as () => void
  const inUse = () => {
    // What had a finalizer is free after the second time.
    collect()
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = inUse()
  const samples: number[] = []
  await work(() => samples.push(inUse()))
  return (Math.max(...samples) - Math.min(before, inUse())) / 1e6
}
