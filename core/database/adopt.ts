import { Kysely, PostgresAdapter, type DatabaseConnection, type QueryExecutor } from 'kysely'
import { untilAborted, withinBounds, type Cancellation } from './deadline.ts'
import { connectionWith, propsOn } from './foreign-kysely.ts'
import { hasBegun, takeTurn } from './join.ts'
import { ownPoolOf } from './own-pools.ts'
import { perObject } from './per-pool.ts'
import type { DB } from './schema.ts'
import { typedStatement } from './statement.ts'

/** A database of somebody else, to work with. */
export interface AdoptedDatabase {
  /** Whether it is a pool of `openDatabase`: then work may run at the same time as other work. */
  readonly isPool: boolean
  /**
   * Runs work on it. On a pool it has to be done by the deadline; in a transaction of its owner it waits until all that was asked
   * for before has ended.
   *
   * @param signal gives it up.
   * @throws {EnrollmentError} `unavailable` at the deadline, under too many calls, and where the transaction ended before
   *   the work began; the reason of the signal.
   */
  run<T>(work: Work<T>, signal?: AbortSignal): Promise<T>
}

/** @param cancellation says when nobody waits for it any more. */
type Work<T> = (db: Kysely<DB>, cancellation: Cancellation | undefined) => Promise<T>

/**
 * Makes a database handle of somebody else one of ours (rpc §1): plugins are left out, and results are read with our own type
 * parsers, whatever those of the pool are. A pool, a transaction of Kysely and a connection of `db.connection()` each stay what
 * they are; such a connection counts as joined while its owner has begun a transaction on it by hand.
 *
 * @param db any Kysely over `pg` whose database has the tables of {@link DB}.
 * @throws {TypeError} for what cannot work, with a sentence.
 */
export function adoptDatabase<Tables extends DB>(db: Kysely<Tables>): AdoptedDatabase {
  const executor = executorOf(db)
  if (db.isTransaction) return { isPool: false, run: (work, signal) => join(executor, signal, work) }
  const own = ownPoolOf(executor)
  if (own !== undefined && own.getExecutor() === executor)
    return { isPool: true, run: (work, signal) => onPool(own, signal, work) }
  return { isPool: false, run: (work, signal) => runUnbegun(executor, own, signal, work) }
}

function onPool<T>(pool: Kysely<DB>, signal: AbortSignal | undefined, work: Work<T>): Promise<T> {
  return withinBounds(pool, signal, (cancellation) => work(pool, cancellation))
}

function join<T>(executor: QueryExecutor, signal: AbortSignal | undefined, work: Work<T>): Promise<T> {
  return untilAborted(signal, (cancellation) =>
    takeTurn(executor, async (trx) => {
      if (cancellation?.isCancelled) throw signal?.reason
      return work(trx, cancellation)
    }),
  )
}

function executorOf(db: unknown): QueryExecutor {
  const isKysely = typeof db === 'object' && db !== null && 'getExecutor' in db && typeof db.getExecutor === 'function'
  if (!isKysely)
    throw new TypeError('db has to be a Kysely: what openDatabase answers, or a pool or transaction of your own.')
  const executor = (db as Kysely<unknown>).getExecutor()
  const { adapter } = executor
  // By its name as well: another copy of Kysely has another class.
  if (adapter instanceof PostgresAdapter || adapter.constructor.name === 'PostgresAdapter') return executor
  throw new TypeError('db has to be a Kysely of PostgreSQL over pg, with the PostgresDialect.')
}

/** On a handle that is no transaction of Kysely's: a pool, or one connection of it. */
async function runUnbegun<T>(
  executor: QueryExecutor,
  own: Kysely<DB> | undefined,
  signal: AbortSignal | undefined,
  work: Work<T>,
): Promise<T> {
  const known = knownOf(executor)
  known.isConnection ??= await isOneConnection(executor)
  if (known.isConnection && (await hasBegun(executor))) return join(executor, signal, work)
  if (known.isConnection) return onPool(known.handle, signal, work)
  if (own !== undefined) return onPool(own, signal, work)
  const ofPool = knownOfPool(executor.adapter)
  return onPool((ofPool.handle ??= known.handle), signal, work)
}

/** What is known about a handle once it was asked. */
const knownOf = perObject((executor: QueryExecutor): { isConnection?: boolean; readonly handle: Kysely<DB> } => ({
  handle: new Kysely<DB>(propsOn(executor, typedConnection)),
}))

/** One for each connection: Kysely keeps what it knows of one by its identity. */
const typedConnection = perObject((connection: DatabaseConnection) => connectionWith(connection, typedStatement))

/** One handle for each pool of somebody else, so that its calls share their batches. */
const knownOfPool = perObject((_adapter: object): { handle?: Kysely<DB> } => ({}))

/** How often a connection may be in use while it is asked for. */
const MAX_LOOKS = 3

/** Tells a connection of `db.connection()` from a pool: it is there at once, while that of a pool has to be fetched. */
async function isOneConnection(executor: QueryExecutor): Promise<boolean> {
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    let isAtOnce = true
    const wasAtOnce = executor.provideConnection(async () => isAtOnce)
    isAtOnce = false
    if (await wasAtOnce) return true
  }
  return false
}
