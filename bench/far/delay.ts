import { now, startAlarm } from './alarm.ts'

/** Does things later, each the same time after it was asked for, in the order in which they were asked for. */
export interface Delay extends AsyncDisposable {
  later(act: () => void): void
}

/** @param delayMs may be a fraction. */
export function startDelay(delayMs: number): Delay {
  const waiting: { readonly dueMs: number; readonly act: () => void }[] = []
  const alarm = startAlarm(() => {
    const [first] = waiting
    // The alarm comes a little early: what is left is less than it takes to sleep.
    while (first !== undefined && now() < first.dueMs);
    const due = waiting.findIndex(({ dueMs }) => dueMs > now())
    for (const { act } of waiting.splice(0, due === -1 ? waiting.length : due)) act()
    setForFirst()
  })
  const setForFirst = () => {
    const [first] = waiting
    if (first !== undefined) alarm.set(first.dueMs)
  }
  return {
    later: (act) => {
      waiting.push({ dueMs: now() + delayMs, act })
      if (waiting.length === 1) setForFirst()
    },
    [Symbol.asyncDispose]: () => alarm[Symbol.asyncDispose](),
  }
}
