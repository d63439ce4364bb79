import { inspect } from 'node:util'
import type { CompiledQuery } from 'kysely'
import type pg from 'pg'
import { IsoQuery } from './iso-dates.ts'
import { perObject } from './per-pool.ts'
import { getTypeParser } from './result-types.ts'

/**
 * The name under which a statement is prepared, once a connection: the one in its leading comment, as in
 * `/* enrollment.write *\/`. Planning a joined statement on each call costs more than running it.
 */
export function statementName(text: string): string | undefined {
  return /^\/\* ([a-z][a-zA-Z.]*) \*\//.exec(text)?.[1]
}

/** A statement whose results are read with our own type parsers; a {@link joinedStatement} does so by itself. */
export function typedStatement<R>(query: CompiledQuery<R>): CompiledQuery<R> {
  if (typeof query.sql !== 'string') return query
  return withSql(query, new Statement(query))
}

/** The transaction that statements belong to. It is known once the first of them is sent; undefined until then. */
export interface JoinedTransaction {
  id: object | undefined
}

/** Told instead of sending a statement of a joined transaction that has ended in the meantime. */
export const TRANSACTION_ENDED = 'The joined transaction has ended'

/**
 * The same for a transaction that somebody else began and may end at any time: it is sent only while that transaction is open
 * on the connection. Where the owner has rolled back, what comes later would otherwise be committed by itself, or in the
 * transaction that is begun next on the connection.
 */
export function joinedStatement<R>(query: CompiledQuery<R>, transaction: JoinedTransaction): CompiledQuery<R> {
  return withSql(query, new JoinedStatement(query, transaction))
}

/**
 * Kysely's dialect hands the text of a statement on to pg as it is, and pg takes a query there that knows by itself how to be
 * sent. That is how statements on connections of somebody else get what they need, without touching the connection.
 */
function withSql<R>(query: CompiledQuery<R>, statement: Statement): CompiledQuery<R> {
  return { ...query, sql: statement as unknown as string }
}

/**
 * A query of pg that can be awaited, and that answers to all that a text does: the owner of the database may have a log, which
 * is given it in place of the text.
 */
class Statement extends IsoQuery {
  // oxlint-disable-next-line unicorn/no-thenable -- Kysely awaits what pg's client answers: for a query it is the query
  readonly then: Promise<unknown>['then']

  static {
    for (const name of Object.getOwnPropertyNames(String.prototype)) {
      if (name in this.prototype) continue
      Object.defineProperty(this.prototype, name, {
        get(this: Statement): unknown {
          const member: unknown = Reflect.get(Object(this.text), name)
          return typeof member === 'function' ? member.bind(this.text) : member
        },
      })
    }
  }

  constructor({ sql: text, parameters }: CompiledQuery) {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    super({ text, types: { getTypeParser } }, [...parameters], (error, result) =>
      error ? reject(error) : resolve(result),
    )
    // oxlint-disable-next-line unicorn/no-thenable -- as above
    this.then = promise.then.bind(promise)
  }

  override submit = (connection: pg.Connection): unknown => this.send(connection)

  /** Our parsers read text, also on a connection whose owner wants all results in binary. */
  get binary(): boolean {
    return false
  }

  set binary(_: boolean) {}

  override toString(): string {
    return this.text
  }

  override valueOf(): string {
    return this.text
  }

  toJSON(): string {
    return this.text
  }

  [inspect.custom](): string {
    return this.text
  }
}

/** A statement of {@link joinedStatement}. */
export class JoinedStatement extends Statement {
  /** Set by a client of ours: the name under which it is prepared. */
  declare name: string | undefined
  /** Set by a client of ours, which knows it by itself. */
  statusFromClient: (() => string | null) | undefined
  readonly #transaction: JoinedTransaction

  constructor(query: CompiledQuery, transaction: JoinedTransaction) {
    super(query)
    this.#transaction = transaction
  }

  override submit = (connection: pg.Connection): unknown => {
    const session = sessionOf(connection)
    const status = this.statusFromClient?.() ?? session.status
    this.#transaction.id ??= session.transaction
    const hasEnded = status === IDLE || this.#transaction.id !== session.transaction
    return hasEnded ? new Error(TRANSACTION_ENDED) : this.send(connection)
  }
}

/** What the server says when no transaction is open. */
const IDLE = 'I'

/** What the server said last about a connection: idle (`I`), in a transaction (`T`), in a failed one (`E`). */
interface Session {
  status: string | undefined
  /** Another object for each transaction. */
  transaction: object
}

const workAtEndOf = perObject((_transaction: object) => new Map<unknown, () => void>())

/**
 * Does something once a joined transaction has ended, in whichever way; not when its connection is lost.
 *
 * @param transaction the id of a {@link JoinedTransaction}.
 * @param key of several with the same key, the last one is done.
 */
export function whenEnded(transaction: object, key: unknown, work: () => void): void {
  workAtEndOf(transaction).set(key, work)
}

const sessionOf = perObject((connection: pg.Connection): Session => {
  const session: Session = { status: undefined, transaction: {} }
  // Before pg's own listener, which sends the next statement.
  connection.prependListener('readyForQuery', ({ status }: { status?: string }) => {
    session.status = status
    if (status !== IDLE) return
    const { transaction } = session
    session.transaction = {}
    for (const work of workAtEndOf(transaction).values()) work()
  })
  return session
})
