import { Kysely, PostgresAdapter, type DatabaseConnection, type QueryExecutor } from 'kysely'
import { untilAborted, withinBounds, type Cancellation, type GiveUpSignal } from './deadline.ts'
import { connectionWith, propsOn } from './foreign-kysely.ts'
import { openTransactionOn, takeTurn } from './join.ts'
import { ownPoolOf } from './own-pools.ts'
import { perObject } from './per-pool.ts'
import type { DB } from './schema.ts'
import { typedStatement, type JoinedTransaction } from './statement.ts'

/** A database of somebody else, to work with. */
export interface AdoptedDatabase {
  /** Whether it is a pool of `openDatabase`: then work may run at the same time as other work. */
  readonly isPool: boolean
  /**
   * Runs work on it. On a pool it has to be done by the deadline; in a transaction of its owner it waits until all that was asked
   * for before has ended.
   *
   * @throws {EnrollmentError} `unavailable` at the deadline, under too many calls, and where the transaction ended before
   *   the work began; the reason of the signal.
   */
  run<T>(work: AdoptedWork<T>, options?: RunOptions): Promise<T>
}

/** @param cancellation says when nobody waits for it any more. */
export type AdoptedWork<T> = (db: Kysely<DB>, cancellation: Cancellation | undefined) => Promise<T>

export interface RunOptions {
  /** Gives the work up. */
  readonly signal?: GiveUpSignal | undefined
  /** Whether it may take longer than a call: it has no deadline then, and does not count as one. */
  readonly isLong?: boolean
}

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
  if (db.isTransaction) return { isPool: false, run: (work, options) => join(executor, options, work) }
  const own = ownPoolOf(executor)
  if (own !== undefined && own.getExecutor() === executor)
    return { isPool: true, run: (work, options) => onPool(own, options, work) }
  return { isPool: false, run: (work, options) => runUnbegun(executor, own, options, work) }
}

function onPool<T>(pool: Kysely<DB>, { signal, isLong = false }: RunOptions = {}, work: AdoptedWork<T>): Promise<T> {
  if (isLong) return untilAborted(signal, (cancellation) => work(pool, cancellation))
  return withinBounds(pool, signal, (cancellation) => work(pool, cancellation))
}

function join<T>(
  executor: QueryExecutor,
  { signal }: RunOptions = {},
  work: AdoptedWork<T>,
  transaction?: JoinedTransaction,
): Promise<T> {
  return untilAborted(signal, (cancellation) =>
    takeTurn(
      executor,
      async (trx) => {
        if (cancellation?.isCancelled) throw signal?.reason
        return work(trx, cancellation)
      },
      transaction,
    ),
  )
}

function executorOf(db: unknown): QueryExecutor {
  const isKysely = typeof db === 'object' && db !== null && 'getExecutor' in db && typeof db.getExecutor === 'function'
  if (!isKysely) {
    throw new TypeError('db has to be a Kysely: what openDatabase answers, or a pool or transaction of your own.')
  }
  const executor: unknown = (db as Kysely<unknown>).getExecutor()
  if (isOfPostgres(executor)) return executor
  throw new TypeError('db has to be a Kysely of PostgreSQL over pg, with the PostgresDialect.')
}

function isOfPostgres(executor: unknown): executor is QueryExecutor {
  if (typeof executor !== 'object' || executor === null || !('adapter' in executor)) return false
  const { adapter } = executor
  // By its name as well: another copy of Kysely has another class.
  return adapter instanceof PostgresAdapter || adapter?.constructor.name === 'PostgresAdapter'
}

/** On a handle that is no transaction of Kysely's: a pool, or one connection of it. */
async function runUnbegun<T>(
  executor: QueryExecutor,
  own: Kysely<DB> | undefined,
  options: RunOptions | undefined,
  work: AdoptedWork<T>,
): Promise<T> {
  const known = knownOf(executor)
  // Not a turn of the event loop may pass between the call and the question for its transaction: the owner may end it next.
  const isConnection = known.isConnection ?? isOneConnection(executor)
  known.isConnection = isConnection === true || (isConnection !== false && (await isConnection))
  if (known.isConnection) {
    const transaction = await openTransactionOn(executor)
    return transaction === undefined ? onPool(known.handle, options, work) : join(executor, options, work, transaction)
  }
  if (own !== undefined) return onPool(own, options, work)
  const ofPool = knownOfPool(executor.adapter)
  return onPool((ofPool.handle ??= known.handle), options, work)
}

interface KnownHandle {
  /** Undefined until it is asked for. */
  isConnection?: boolean
  readonly handle: Kysely<DB>
}

const knownOf = perObject((executor: QueryExecutor): KnownHandle => {
  const isOurs = ownPoolOf(executor) !== undefined
  return { handle: new Kysely<DB>(propsOn(executor, isOurs ? itself : typedConnection)) }
})

/** A connection of a pool of ours has our type parsers. */
const itself = (connection: DatabaseConnection) => connection

/** One for each connection: Kysely keeps what it knows of one by its identity. */
const typedConnection = perObject((connection: DatabaseConnection) => connectionWith(connection, typedStatement))

/** One handle for each pool of somebody else, so that its calls share their batches. */
const knownOfPool = perObject((_adapter: object): { handle?: Kysely<DB> } => ({}))

/**
 * Tells a connection of `db.connection()` from a pool: it is there whether or not somebody has given up waiting for it, and at
 * once where no statement runs on it.
 */
function isOneConnection(executor: QueryExecutor): boolean | Promise<boolean> {
  let isAtOnce = false
  const hasGivenUp = Object.freeze(new Error('Is it a pool?'))
  const asked = executor.provideConnection(
    async () => {
      isAtOnce = true
    },
    { signal: AbortSignal.abort(hasGivenUp) },
  )
  const answer = asked.then(
    () => true,
    (reason: unknown) => {
      if (reason === hasGivenUp) return false
      throw reason
    },
  )
  return isAtOnce || answer
}
