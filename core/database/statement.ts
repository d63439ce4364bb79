import type { CompiledQuery } from 'kysely'
import pg from 'pg'
import { perObject } from './per-pool.ts'
import { getTypeParser } from './result-types.ts'

// Kysely's dialect hands the text of a statement on to pg as it is. pg takes an object there as well: settings of a statement
// beside its text, or a query that knows by itself how to be sent. That is how statements on connections of somebody else get
// what they need, without touching the connection.

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
  return { ...query, sql: new TypedText(query.sql) as unknown as string }
}

/** A text for everybody but pg, which takes its settings. */
class TypedText extends String {
  readonly text: string
  readonly types = { getTypeParser }

  constructor(text: string) {
    super(text)
    this.text = text
  }
}

/** Told instead of sending a statement of a joined transaction that has ended in the meantime. */
export const TRANSACTION_ENDED = 'The joined transaction has ended'

/**
 * The same for a transaction that somebody else began and may end at any time: it is sent only while a transaction is open
 * on the connection. Where the owner has rolled back, what comes later would otherwise be committed by itself.
 *
 * @param isNamed whether it may be prepared under its name.
 */
export function joinedStatement<R>(query: CompiledQuery<R>, isNamed: boolean): CompiledQuery<R> {
  return { ...query, sql: joinedQuery(query, isNamed) as unknown as string }
}

function joinedQuery({ sql: text, parameters }: CompiledQuery, isNamed: boolean): JoinedQuery {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const name = isNamed ? statementName(text) : undefined
  const config = { text, types: { getTypeParser }, ...(name === undefined ? {} : { name }) }
  const query = new pg.Query(config, [...parameters], (error, result) => (error ? reject(error) : resolve(result)))
  const send = query.submit.bind(query)
  const joined: JoinedQuery = Object.assign(query, {
    // oxlint-disable-next-line unicorn/no-thenable -- Kysely awaits what pg's client answers: for a query it is the query
    then: promise.then.bind(promise),
    statusFromClient: undefined,
    submit(connection: pg.Connection) {
      const status = joined.statusFromClient?.() ?? statusOf(connection).now
      return status === IDLE ? new Error(TRANSACTION_ENDED) : send(connection)
    },
  })
  return joined
}

/** A query that is sent only inside of a transaction, and can be awaited. */
export type JoinedQuery = pg.Query &
  PromiseLike<unknown> & {
    /** Set by a client of ours, which knows it by itself. */
    statusFromClient: (() => string | null) | undefined
  }

/** Whether what pg is given is a statement of {@link joinedStatement}. */
export function isJoinedQuery(query: unknown): query is JoinedQuery {
  return query instanceof pg.Query && 'statusFromClient' in query
}

/** What the server says when no transaction is open. */
const IDLE = 'I'

/** What the server said last: idle (`I`), in a transaction (`T`), in a failed one (`E`). */
const statusOf = perObject((connection: pg.Connection) => {
  const status: { now: string | undefined } = { now: undefined }
  // Before pg's own listener, which sends the next statement.
  connection.prependListener('readyForQuery', (message: { status?: string }) => {
    status.now = message.status
  })
  return status
})
