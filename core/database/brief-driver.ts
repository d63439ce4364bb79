import {
  CompiledQuery,
  PostgresDialect,
  PostgresDriver,
  type DatabaseConnection,
  type Driver,
  type PostgresDialectConfig,
  type QueryResult,
} from 'kysely'
import type pg from 'pg'
import { BEGIN_BRIEFLY } from './lock-wait.ts'
import { Pipeline, type PipelinedStatement } from './pipeline.ts'

/**
 * For transactions of our own, whose statements wait for their locks only for a moment. See
 * {@link BriefConnection}.
 */
export class BriefDialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig

  constructor(config: PostgresDialectConfig) {
    super(config)
    this.#config = config
  }

  override createDriver(): Driver {
    return new BriefDriver(this.#config)
  }
}

class BriefDriver extends PostgresDriver {
  override async acquireConnection(): Promise<DatabaseConnection> {
    return new BriefConnection((await super.acquireConnection()) as KyselyConnection)
  }

  override async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await super.releaseConnection(own(connection).inner)
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    own(connection).begin()
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    if (own(connection).isOpen) await super.commitTransaction(own(connection).inner)
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (own(connection).isOpen) await super.rollbackTransaction(own(connection).inner)
  }
}

/** A driver gets back what it has given. */
function own(connection: DatabaseConnection): BriefConnection {
  return connection as BriefConnection
}

/** What Kysely's driver gives, and takes back. */
type KyselyConnection = Parameters<PostgresDriver['releaseConnection']>[0]

/**
 * A connection whose transaction begins together with its first statement, and may be committed together with its last ones: none of
 * that costs a round trip of its own.
 */
export class BriefConnection implements DatabaseConnection {
  readonly inner: KyselyConnection
  /** What is sent together with the next statement. */
  #waiting: readonly string[] = []
  #isOpen = false

  constructor(inner: KyselyConnection) {
    this.inner = inner
  }

  /** Whether the server may know of a transaction that has to be ended. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  begin(): void {
    this.#waiting = BEGIN
  }

  /** Has something that answers nothing sent together with the next statement; never, where the transaction ends before. */
  sendWithNext(text: string): void {
    this.#waiting = [...this.#waiting, text]
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#waiting.length === 0) return this.inner.executeQuery(query)
    if (typeof query.sql === 'string') {
      const [result = NOTHING] = await this.executeTogether([query])
      return result as QueryResult<R> // That of the query.
    }
    // A query that knows by itself how to be sent, and in which transaction.
    for (const text of this.#takeWaiting()) await this.inner.executeQuery(CompiledQuery.raw(text))
    return this.inner.executeQuery(query)
  }

  /**
   * Sends statements in one go. Where one of them fails, those after it are not carried out.
   *
   * @param end commits the transaction with them, which is known to have happened when this answers.
   * @returns the result of each.
   */
  async executeTogether(queries: readonly CompiledQuery[], end?: 'commit'): Promise<QueryResult<unknown>[]> {
    if (queries.length === 0 && end === undefined) return []
    const first = this.#takeWaiting().map(plain)
    const last = end === undefined ? [] : [plain(end)]
    const statements = queries.map(({ sql, parameters }) => ({ text: sql, values: parameters }))
    const results = await this.#send([...first, ...statements, ...last])
    if (end !== undefined) {
      // A transaction that had failed before is rolled back by a commit.
      if (results.at(-1)?.command !== 'COMMIT') throw new Error('Transaction is already rolled back')
      this.#isOpen = false
    }
    return results.slice(first.length, first.length + queries.length).map(resultOf)
  }

  #takeWaiting(): readonly string[] {
    const waiting = this.#waiting
    this.#waiting = []
    this.#isOpen = true
    return waiting
  }

  async #send(statements: readonly PipelinedStatement[]): Promise<pg.QueryResult[]> {
    // Kysely hands the text of a statement on to our client as it is, which takes a pipeline there.
    const sql = new Pipeline(statements) as unknown as string
    const { rows } = await this.inner.executeQuery<pg.QueryResult>({ ...CompiledQuery.raw(''), sql })
    return rows
  }

  // oxlint-disable-next-line require-yield -- it only refuses
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('Nothing of ours is read by a cursor')
  }
}

const NOTHING: QueryResult<unknown> = { rows: [] }

const BEGIN = BEGIN_BRIEFLY.split('; ')

function plain(text: string): PipelinedStatement {
  return { text, values: [] }
}

const WRITES = /^(INSERT|UPDATE|DELETE|MERGE)$/

/** As Kysely makes it of a result of pg. */
function resultOf({ command, rowCount, rows }: pg.QueryResult): QueryResult<unknown> {
  return WRITES.test(command) ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows }
}
