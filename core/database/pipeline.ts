import pg from 'pg'
import { getTypeParser } from './result-types.ts'

/** A statement that is sent together with others. */
export interface PipelinedStatement {
  readonly text: string
  readonly values: readonly unknown[]
}

/**
 * Several statements that are sent in one go and answered in one go, with one `Sync` behind the last of them: where one fails
 * PostgreSQL leaves out all that come after it. So a commit at the end is carried out only where everything before it was, and
 * nothing is carried out outside of a transaction whose beginning failed.
 *
 * For the client of pg it is one query. Each statement is a query of pg too, which encodes it and reads its answer.
 */
export class Pipeline {
  /** One for each statement, once all of them are answered; what the first one that failed said. */
  readonly results: Promise<pg.QueryResult[]>
  readonly statements: readonly PipelinedStatement[]
  /** Set by a client of ours: the name under which a text is prepared. */
  nameOf: (text: string) => string | undefined = () => undefined
  readonly #resolve: (results: pg.QueryResult[]) => void
  readonly #reject: (error: unknown) => void
  #queries: readonly PipelinedQuery[] = []
  /** Of the statement that is being answered. */
  #place = 0
  #hasFailed = false

  /** @param statements at least one. */
  constructor(statements: readonly PipelinedStatement[]) {
    const { promise, resolve, reject } = Promise.withResolvers<pg.QueryResult[]>()
    this.results = promise
    this.statements = statements
    this.#resolve = resolve
    this.#reject = reject
  }

  // What follows is called by the client of pg.

  /** Of the statement that is being answered: the client notes what has been prepared under it. */
  get name(): string | undefined {
    return this.#queries[this.#place]?.name
  }

  get text(): string {
    return this.#queries[this.#place]?.text ?? ''
  }

  submit(connection: pg.Connection): null {
    const results: pg.QueryResult[] = []
    this.#queries = this.statements.map(
      ({ text, values }) =>
        new PipelinedQuery({ text, values, name: this.nameOf(text) }, (error, result) => {
          if (error) this.#fail(error)
          else if (results.push(result) === this.statements.length) this.#resolve(results)
        }),
    )
    // As one packet, as far as it fits into one.
    connection.stream.cork()
    try {
      for (const query of this.#queries) {
        query.prepare(connection)
        // A value that cannot be sent: pg has ended the statements there.
        if (this.#hasFailed) return null
      }
      connection.sync()
    } finally {
      connection.stream.uncork()
    }
    return null
  }

  handleRowDescription(message: object): void {
    this.#queries[this.#place]?.handleRowDescription(message)
  }

  handleDataRow(message: object): void {
    this.#queries[this.#place]?.handleDataRow(message)
  }

  handleCommandComplete(message: object, connection: pg.Connection): void {
    this.#queries[this.#place]?.handleCommandComplete(message, connection)
    this.#place += 1
  }

  handleEmptyQuery(): void {
    this.#place += 1
  }

  handleCopyInResponse(connection: pg.Connection): void {
    this.#queries[this.#place]?.handleCopyInResponse(connection)
  }

  handleCopyData(): void {}

  handleError(error: unknown, connection: pg.Connection): void {
    // Those that were left out have not been prepared either.
    const { submittedNamedStatements } = connection as unknown as Preparing
    for (const { name } of this.#queries.slice(this.#place))
      if (name !== undefined) delete submittedNamedStatements[name]
    this.#fail(error)
  }

  handleReadyForQuery(connection: pg.Connection): void {
    if (!this.#hasFailed) for (const query of this.#queries) query.handleReadyForQuery(connection)
  }

  #fail(error: unknown): void {
    this.#hasFailed = true
    this.#reject(error)
  }
}

/** What a connection of pg keeps, which its types do not tell: by name, what is prepared as soon as the server says so. */
interface Preparing {
  readonly submittedNamedStatements: Record<string, string>
}

/** What pg's queries are made of, which its types do not tell. */
interface Preparable {
  readonly name: string | undefined
  readonly text: string
  prepare(connection: pg.Connection): void
  handleRowDescription(message: object): void
  handleDataRow(message: object): void
  handleCommandComplete(message: object, connection: pg.Connection): void
  handleCopyInResponse(connection: pg.Connection): void
  handleReadyForQuery(connection: pg.Connection): void
}

// pg's types tell too little of its queries: this is what they are.
const Query = pg.Query as unknown as new (
  config: object,
  values: readonly unknown[],
  callback: (error: Error | null, result: pg.QueryResult) => void,
) => Preparable

/** A query of pg that leaves it to others to end the message that it is part of. */
class PipelinedQuery extends Query {
  constructor(
    { text, values, name }: PipelinedStatement & { readonly name: string | undefined },
    callback: (error: Error | null, result: pg.QueryResult) => void,
  ) {
    super({ text, name, types: { getTypeParser } }, [...values], callback)
  }

  protected _getRows(connection: pg.Connection): void {
    connection.execute({ portal: '' }, false)
  }
}
