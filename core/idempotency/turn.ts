import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'

// Belongs to the pool and lives as long as it; holds nothing that outlasts its calls.
const lines = new WeakMap<Kysely<DB>, Map<string, Promise<unknown>>>()

/**
 * Runs work when all work of the same name that was asked for before on the same pool has ended. Who repeats a call while
 * it still runs then waits in memory, and not with a connection of the pool that others need.
 *
 * @param db in a caller's transaction nothing waits: it has its connection already.
 */
export function inTurn<T>(db: Kysely<DB>, name: string, work: () => Promise<T>): Promise<T> {
  if (db.isTransaction) return work()
  const line = lines.get(db) ?? new Map<string, Promise<unknown>>()
  lines.set(db, line)
  const before = line.get(name) ?? Promise.resolve()
  const done = before.then(work, work)
  line.set(name, done)
  const leave = () => {
    if (line.get(name) === done) line.delete(name)
  }
  done.then(leave, leave)
  return done
}
