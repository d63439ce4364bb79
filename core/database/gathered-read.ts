import type { Kysely } from 'kysely'
import { createLane, type Lane } from '../lane.ts'
import type { DB } from './schema.ts'

/** Reads many things by their keys in one statement; what does not exist is absent in the answer. */
export type ReadMany<V> = (db: Kysely<DB>, keys: readonly string[]) => Promise<ReadonlyMap<string, V>>

interface Wish<V> {
  readonly key: string
  readonly resolve: (value: V | undefined) => void
  readonly reject: (error: unknown) => void
}

const ROUND_SIZE = 500
const ROUNDS_AT_ONCE = 2

// Belongs to the pool and lives as long as it. Nothing is kept: each wish is read after it was made.
const lanes = new WeakMap<Kysely<DB>, Map<unknown, Lane<Wish<never>>>>()

/**
 * Reads one thing by its key. On the pool it shares its statement with those who read the same kind of thing at the same
 * time; a lone read starts at once. In a transaction it is read there.
 *
 * @param readMany one function of a module for each kind of thing: its identity is what is shared.
 */
export async function readGathered<V>(db: Kysely<DB>, key: string, readMany: ReadMany<V>): Promise<V | undefined> {
  if (db.isTransaction) return (await readMany(db, [key])).get(key)
  return new Promise((resolve, reject) => laneOf(db, readMany).add({ key, resolve, reject }, { turn: '' }))
}

function laneOf<V>(db: Kysely<DB>, readMany: ReadMany<V>): Lane<Wish<V>> {
  const ofPool = lanes.get(db) ?? new Map<unknown, Lane<Wish<never>>>()
  lanes.set(db, ofPool)
  // The lane that stands under a function takes wishes for what that function reads.
  const known = ofPool.get(readMany) as Lane<Wish<V>> | undefined
  if (known) return known
  const lane = createLane<Wish<V>>({
    roundSize: ROUND_SIZE,
    roundsAtOnce: ROUNDS_AT_ONCE,
    run: (wishes) => fulfil(db, wishes, readMany),
  })
  ofPool.set(readMany, lane)
  return lane
}

async function fulfil<V>(db: Kysely<DB>, wishes: readonly Wish<V>[], readMany: ReadMany<V>): Promise<void> {
  try {
    const found = await readMany(db, [...new Set(wishes.map((wish) => wish.key))])
    for (const { key, resolve } of wishes) resolve(found.get(key))
  } catch (error) {
    for (const { reject } of wishes) reject(error)
  }
}
