import type { Kysely } from 'kysely'
import { createBatcher, type Batcher } from './batcher.ts'
import { perPool } from './per-pool.ts'
import type { DB } from './schema.ts'

/** Reads many things by their keys in one statement; what does not exist is absent in the answer. */
export type ReadMany<V> = (db: Kysely<DB>, keys: readonly string[]) => Promise<ReadonlyMap<string, V>>

/** Reads one thing by its key; undefined: there is none. */
export type ReadOne<V> = (db: Kysely<DB>, key: string) => Promise<V | undefined>

interface PendingRead<V> {
  readonly key: string
  readonly resolve: (value: V | undefined) => void
  readonly reject: (error: unknown) => void
}

const BATCH_SIZE = 500
const MAX_CONCURRENT = 2

/**
 * Makes a function that reads one thing by its key. On a pool a call shares its statement with those made at the same time; a
 * lone one starts at once. In a transaction it reads there. Nothing is kept: a thing is read after it was asked for.
 */
export function coalescedRead<V>(readMany: ReadMany<V>): ReadOne<V> {
  const batcherOf = perPool((db) =>
    createBatcher<PendingRead<V>>({
      batchSize: BATCH_SIZE,
      maxConcurrent: MAX_CONCURRENT,
      run: (reads) => readTogether(db, reads, readMany),
    }),
  )
  return async (db, key) => {
    if (db.isTransaction) return (await readMany(db, [key])).get(key)
    const batcher: Batcher<PendingRead<V>> = batcherOf(db)
    return new Promise((resolve, reject) => batcher.add({ key, resolve, reject }, { turn: '' }))
  }
}

async function readTogether<V>(db: Kysely<DB>, reads: readonly PendingRead<V>[], readMany: ReadMany<V>): Promise<void> {
  try {
    const found = await readMany(db, [...new Set(reads.map((read) => read.key))])
    for (const { key, resolve } of reads) resolve(found.get(key))
  } catch (error) {
    for (const { reject } of reads) reject(error)
  }
}
