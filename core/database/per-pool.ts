import type { Kysely } from 'kysely'
import type { DB } from './schema.ts'

/**
 * Keeps something that belongs to a pool and lives as long as it, such as the calls that wait for a common statement.
 *
 * @param create makes it, when it is first asked for.
 * @returns what belongs to the pool of a handle; all handles of a pool share it.
 */
export function perPool<T>(create: (db: Kysely<DB>) => T): (db: Kysely<DB>) => T {
  const known = new WeakMap<object, T>()
  return (db) => keptFor(known, db.getExecutor(), () => create(db))
}

/** The same for what belongs to any object. */
export function perObject<K extends object, T>(create: (key: K) => T): (key: K) => T {
  const known = new WeakMap<K, T>()
  return (key) => keptFor(known, key, () => create(key))
}

// The only state outside of functions: nothing in it outlasts its object, or has to be seen by another process.
function keptFor<K extends object, T>(known: WeakMap<K, T>, key: K, create: () => T): T {
  const existing = known.get(key)
  if (existing !== undefined) return existing
  const made = create()
  known.set(key, made)
  return made
}
