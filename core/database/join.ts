import { sql, Transaction, type DatabaseConnection, type QueryExecutor } from 'kysely'
import { EnrollmentError, failure } from '../errors.ts'
import { shareCommit } from './after-commit.ts'
import { connectionWith, propsOn } from './foreign-kysely.ts'
import { ownPoolOf } from './own-pools.ts'
import { perObject } from './per-pool.ts'
import type { DB } from './schema.ts'
import { joinedStatement, TRANSACTION_ENDED, type JoinedTransaction } from './statement.ts'
import { inTurn } from './turns.ts'

/**
 * Runs work in a transaction that somebody else has begun, when all work that was asked for before in it has ended (rpc §1):
 * savepoints of several at once would undo each other's writes. What works already in its turn does not wait again.
 *
 * Whoever began the transaction may end it at any time, also while work waits or runs. Nothing is sent on its connection from
 * then on: it would be committed by itself, or in the transaction of whoever has the connection next.
 *
 * @param transaction which one it is, where the handle may see several, one after another.
 * @throws {EnrollmentError} `unavailable` where the transaction ended before.
 */
export function takeTurn<T>(
  executor: QueryExecutor,
  work: (trx: Transaction<DB>) => Promise<T>,
  transaction?: JoinedTransaction,
): Promise<T> {
  const inItsTurn = turnOf(executor).trx
  if (inItsTurn !== undefined) return work(inItsTurn)
  // By handle first, which is known at once and keeps the order; then by connection, which several handles may share.
  return inTurn(executor, async () => {
    const connection = await liveConnectionOf(executor)
    return inTurn(connection, async () => {
      const { trx, joined } = joinedOf(executor)
      joined.id = transaction?.id
      if (ownPoolOf(executor) === undefined) await learnStatus(trx, connection)
      return work(trx)
    })
  })
}

/** On the executor of a handle that was given to work in its turn: that handle. */
const turnOf = perObject((_executor: object): { trx?: Transaction<DB> } => ({}))

/** The handle of ours on a transaction of somebody else, and what its statements know about the transaction. */
const joinedOf = perObject((executor: QueryExecutor): { trx: Transaction<DB>; joined: JoinedTransaction } => {
  const transaction: JoinedTransaction = { id: undefined }
  const connectionOn = perObject((connection: DatabaseConnection) =>
    connectionWith(connection, (query) => joinedStatement(query, transaction)),
  )
  const trx = new Transaction<DB>(propsOn(executor, connectionOn))
  turnOf(trx.getExecutor()).trx = trx
  shareCommit(executor, trx.getExecutor(), transaction)
  return { trx, joined: transaction }
})

async function liveConnectionOf(executor: QueryExecutor): Promise<DatabaseConnection> {
  try {
    return await executor.provideConnection(async (connection) => connection)
  } catch (cause) {
    throw new EnrollmentError(failure('unavailable', {}), { cause })
  }
}

const statusKnown = perObject((_connection: DatabaseConnection) => ({ value: false }))

/**
 * On a connection that is not ours: from the first statement on, what the server says about it is heard, see
 * `joinedStatement`.
 */
async function learnStatus(trx: Transaction<DB>, connection: DatabaseConnection): Promise<void> {
  const known = statusKnown(connection)
  if (known.value) return
  if (!(await isBegun(trx.getExecutor()))) {
    throw new EnrollmentError(failure('unavailable', {}), { cause: new Error(TRANSACTION_ENDED) })
  }
  known.value = true
}

/** The transaction that is open on a connection; undefined: none is. It is the one of when this was asked, not of when it is answered. */
export async function openTransactionOn(executor: QueryExecutor): Promise<JoinedTransaction | undefined> {
  const transaction: JoinedTransaction = { id: undefined }
  const probe = (connection: DatabaseConnection) =>
    connectionWith(connection, (query) => joinedStatement(query, transaction))
  return (await isBegun(propsOn(executor, probe).executor)) ? transaction : undefined
}

const NO_ACTIVE_TRANSACTION = '25P01'
const FAILED_TRANSACTION = '25P02'

// As one message, so that no statement of somebody else comes between.
const PROBE = sql`savepoint enrollment_probe; release savepoint enrollment_probe`

/** Whether a transaction is open on a connection: only in one a savepoint can be set. */
async function isBegun(executor: QueryExecutor): Promise<boolean> {
  try {
    await executor.executeQuery(PROBE.compile({ getExecutor: () => executor }))
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === FAILED_TRANSACTION) return true
    if (code === NO_ACTIVE_TRANSACTION || hasEnded(error)) return false
    throw error
  }
}

function hasEnded(error: unknown): boolean {
  return error instanceof Error && error.message === TRANSACTION_ENDED
}
