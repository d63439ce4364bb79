import type { Kysely } from 'kysely'
import { perPool } from '../database/per-pool.ts'
import type { DB } from '../database/schema.ts'

const lastByKey = perPool(() => new Map<string, Promise<unknown>>())

/**
 * Runs work after all earlier work with the same key on the same pool. A call that is repeated while it still runs then waits in
 * memory, and not with a connection of the pool that others need.
 *
 * @param db in a caller's transaction nothing waits, because it has its connection already.
 */
export function serializeByKey<T>(db: Kysely<DB>, key: string, work: () => Promise<T>): Promise<T> {
  if (db.isTransaction) return work()
  const last = lastByKey(db)
  const before = last.get(key) ?? Promise.resolve()
  const done = before.then(work, work)
  last.set(key, done)
  const leave = () => {
    if (last.get(key) === done) last.delete(key)
  }
  done.then(leave, leave)
  return done
}
