import type { Kysely } from 'kysely'
import { perPool } from './per-pool.ts'
import type { DB } from './schema.ts'

/** Items of batches that a pool works on at a time: two of the largest. Each takes some kilobytes while it is planned. */
const MAX_ITEMS_IN_WORK = 20_000

interface Waiting {
  readonly size: number
  readonly begin: () => void
}

const workOf = perPool(() => ({ items: 0, waiting: [] as Waiting[] }))

/**
 * Runs work on a batch when there is room for it beside the other batches of the pool, in the order in which they came: so that
 * their number does not decide how much memory they take. In a caller's transaction it runs at once.
 *
 * @param size the number of items.
 */
export async function withinWorkLimit<T>(db: Kysely<DB>, size: number, run: () => Promise<T>): Promise<T> {
  if (db.isTransaction) return run()
  const work = workOf(db)
  if (work.waiting.length > 0 || !hasRoom(work.items, size)) {
    await new Promise<void>((begin) => work.waiting.push({ size, begin }))
  } else {
    work.items += size
  }
  try {
    return await run()
  } finally {
    work.items -= size
    for (let next = work.waiting[0]; next && hasRoom(work.items, next.size); next = work.waiting[0]) {
      work.waiting.shift()
      work.items += next.size
      next.begin()
    }
  }
}

/** A batch alone always has room. */
function hasRoom(items: number, size: number): boolean {
  return items === 0 || items + size <= MAX_ITEMS_IN_WORK
}
