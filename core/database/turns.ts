import { perObject } from './per-pool.ts'

/**
 * Runs work when all work that was asked for before with the same key has ended, in that order. What fails fails alone.
 */
export function inTurn<T>(key: object, work: () => Promise<T>): Promise<T> {
  const queue = queueOf(key)
  const done = queue.last.then(work, work)
  queue.last = done
  return done
}

const queueOf = perObject((_key: object): { last: Promise<unknown> } => ({ last: Promise.resolve() }))
