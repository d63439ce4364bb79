import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, expect, test, vi } from 'vitest'
import { repeat, type WorkerStep } from '../../../server/background/loop.ts'
import { eventually } from '../../support/eventually.ts'

const told: [object, string][] = []
const log = { error: (fields: object, message: string) => void told.push([fields, message]) }
beforeEach(() => void told.splice(0))

test('repeats at once while there is more to do, and otherwise after a while', async () => {
  let [calls, left] = [0, 3]
  using _loop = start({
    intervalMs: 60_000,
    run: async () => {
      calls += 1
      left -= 1
      return left > 0
    },
  })
  await eventually(() => expect(calls).toBe(3))
  await sleep(30)
  expect(calls).toBe(3)
})

test('waits before the first time where it is told to', async () => {
  let calls = 0
  using _loop = start({
    delayMs: 60_000,
    run: async () => {
      calls += 1
      return false
    },
  })
  await sleep(30)
  expect(calls).toBe(0)
})

test('a step that fails is told with its name, and tried again after longer and longer until it does not fail', async () => {
  const at: number[] = []
  using _loop = start({
    intervalMs: 10,
    run: async () => {
      at.push(performance.now())
      if (at.length <= 4) throw new Error(`attempt ${at.length}`)
      return false
    },
  })
  await eventually(() => expect(at.length).toBeGreaterThanOrEqual(6))
  expect(told).toEqual(
    [1, 2, 3, 4].map((failures) => [
      { err: new Error(`attempt ${failures}`), worker: 'working', failures },
      'working failed',
    ]),
  )
  // Timers never fire early by more than their resolution; how late they are depends on the machine.
  const waits = at.slice(1, 5).map((time, index) => time - (at[index] ?? 0))
  for (const [index, wait] of waits.entries()) expect(wait).toBeGreaterThan(10 * 2 ** (index + 1) - 2)
})

test('the same failure is told again after twice as many, another one at once, and the end of them once', async () => {
  let calls = 0
  const works: [object, string][] = []
  const end = new AbortController()
  const step: WorkerStep = {
    name: 'working',
    intervalMs: 1,
    maxBackoffMs: 1,
    run: async () => {
      calls += 1
      if (calls <= 20) throw new Error('away')
      if (calls <= 22) throw new Error('wrong')
      return false
    },
  }
  void repeat(step, { ...log, info: (fields, message) => void works.push([fields, message]) }, end.signal)
  await eventually(() => expect(calls).toBeGreaterThan(24))
  end.abort()
  expect(told.map(([fields]) => Reflect.get(fields, 'failures'))).toEqual([1, 2, 4, 8, 16, 21, 22])
  expect(works).toEqual([[{ worker: 'working', failures: 22 }, 'working works again']])
})

test('ends while it waits, at once', async () => {
  const end = new AbortController()
  const ended = repeat({ name: 'working', intervalMs: 60_000, run: async () => false }, log, end.signal)
  await sleep(10)
  end.abort()
  await expect(ended).resolves.toBe(undefined)
})

test('ends after the step that runs, which is told to; what that throws then is no failure', async () => {
  const end = new AbortController()
  let calls = 0
  const ended = repeat(
    {
      name: 'working',
      run: async (signal) => {
        calls += 1
        await sleep(60_000, undefined, { signal })
        return true
      },
    },
    log,
    end.signal,
  )
  await eventually(() => expect(calls).toBe(1))
  end.abort()
  await ended
  expect([calls, told]).toEqual([1, []])
})

test('an end before the start does nothing', async () => {
  const run = vi.fn<WorkerStep['run']>()
  await repeat({ name: 'working', run }, log, AbortSignal.abort())
  expect(run).not.toHaveBeenCalled()
})

function start(step: Omit<WorkerStep, 'name'>): Disposable {
  const end = new AbortController()
  void repeat({ name: 'working', ...step }, log, end.signal)
  return { [Symbol.dispose]: () => end.abort() }
}
