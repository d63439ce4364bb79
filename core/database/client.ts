import pg from 'pg'
import { isDeadStatement } from './failure.ts'
import type { LateStatement } from './liveness.ts'
import { Pipeline } from './pipeline.ts'
import { STARTUP } from './session-pool.ts'
import { JoinedStatement, statementName } from './statement.ts'

/** What the connections of one pool share. */
export interface ClientSettings {
  /** Milliseconds after which a statement without an answer makes somebody ask whether the connection lives; Infinity: never. */
  readonly suspiciousMs: number
  /** Asks the server, on another connection, whether it is at work on a statement. */
  readonly isAtWork: (statement: LateStatement) => Promise<boolean>
  /** Whether a pooler stands between: known after the first connection. */
  isPooled: boolean
  /** Whether statements are prepared under names: a pooler may not know them. */
  isNaming: boolean
  /** Names do not work on this server, and are not used from now on. */
  readonly onNamesFail: (error: Error) => void
}

/**
 * Makes the class of the connections of a pool.
 *
 * - Statements that begin with a comment of the form «name» in slashes and stars are prepared once a connection and reused by
 *   that name. A prepared statement that the server has forgotten, or whose plan no longer fits, is prepared again.
 * - A connection that the server ends (FATAL) is never used again; its end itself arrives a moment after the error, when the
 *   pool may have given it to somebody else.
 * - A connection that has gone silent is dropped: the statement fails, and the pool opens another.
 */
export function clientClass(settings: ClientSettings): typeof pg.Client {
  return class OwnClient extends pg.Client {
    /** Statements are prepared under new names after one of them was forgotten. */
    #generation = 0
    /** Statements that have no answer yet, and the last of them. */
    #waiting = 0
    #query: unknown
    /** One timer for all statements of the connection: a new one for each would cost them more than everything else here. */
    #timer: NodeJS.Timeout | undefined

    // Called by pg for its first message; not in its types.
    getStartupConf(): object {
      return { ...inherited.getStartupConf.call(this), ...STARTUP }
    }

    // The many overloads of `query` reduce to "text first" here; everything else passes through untouched.
    override query(...args: unknown[]): never {
      const [query] = args
      if (query instanceof Pipeline) return this.#pipelined(query) as never
      if (query instanceof JoinedStatement) {
        query.statusFromClient = () => this.getTransactionStatus()
        query.name = this.#nameFor(query.text)
      }
      const answer: unknown = Reflect.apply(super.query, this, this.#named(args))
      return (
        answer instanceof Promise || answer instanceof JoinedStatement ? this.#watched(answer, args) : answer
      ) as never
    }

    /** The rows of the answer are the results of the statements. */
    async #pipelined(pipeline: Pipeline): Promise<{ rows: unknown }> {
      pipeline.nameOf = (text) => this.#nameFor(text)
      Reflect.apply(super.query, this, [pipeline])
      return { rows: await this.#watched(pipeline.results, [pipeline]) }
    }

    #watched(answer: PromiseLike<unknown>, args: readonly unknown[]): PromiseLike<unknown> {
      this.#waiting += 1
      this.#query = args[0]
      if (Number.isFinite(settings.suspiciousMs)) this.#expectAnswer()
      return answer.then(
        (result) => {
          this.#waiting -= 1
          return result
        },
        (error: unknown) => {
          this.#waiting -= 1
          return this.#recovered(error, args)
        },
      )
    }

    /** The socket keeps the process alive as long as an answer is due; the timer does not. */
    #expectAnswer(): void {
      if (this.#timer === undefined) this.#timer = setTimeout(() => void this.#suspect(), settings.suspiciousMs).unref()
      else this.#timer.refresh()
    }

    async #suspect(): Promise<void> {
      if (this.#waiting === 0) return
      const { processID } = this as unknown as { processID: number | null } // Not in the types of pg.
      const statement = { texts: textsOf(this.#query), processId: processID ?? 0, isPooled: settings.isPooled }
      if (processID !== null && (await settings.isAtWork(statement))) this.#timer?.refresh()
      else this.connection.stream.destroy()
    }

    /** Sends a statement once more that failed before it began; throws for any other error. */
    async #recovered(error: unknown, args: readonly unknown[]): Promise<unknown> {
      if (error instanceof pg.DatabaseError && error.severity === 'FATAL') this.end().catch(() => {})
      // Also where names were given up since it was sent.
      if (!isDeadStatement(error)) throw error
      // Another client's statement has the name: a pooler between that does not know names.
      const isTaken = (error as pg.DatabaseError).code === DUPLICATE_STATEMENT
      if (settings.isNaming && (isTaken || this.#generation >= MAX_GENERATIONS)) {
        settings.isNaming = false
        settings.onNamesFail(error as Error)
      }
      this.#generation += 1
      const [query] = args
      if (this.getTransactionStatus() !== 'I' || query instanceof JoinedStatement || query instanceof Pipeline)
        throw error
      return super.query(...(this.#named(args) as [string]))
    }

    #named(args: readonly unknown[]): readonly unknown[] {
      const [text, values, ...rest] = args
      const name = this.#nameFor(text)
      return name === undefined ? args : [{ name, text, values }, ...rest]
    }

    #nameFor(text: unknown): string | undefined {
      const name = typeof text === 'string' && settings.isNaming ? statementName(text) : undefined
      return name === undefined || this.#generation === 0 ? name : `${name}#${this.#generation}`
    }
  }
}

const inherited = pg.Client.prototype as unknown as { getStartupConf(this: pg.Client): object }

/** Of a query in any of the forms that our client takes. */
function textsOf(query: unknown): string[] {
  if (typeof query === 'string') return [query]
  if (query instanceof Pipeline) return query.statements.map(({ text }) => text)
  const text: unknown = typeof query === 'object' && query !== null && 'text' in query ? query.text : ''
  return typeof text === 'string' ? [text] : []
}

const DUPLICATE_STATEMENT = '42P05'

/** So often a connection may lose its prepared statements: a pooler that switches connections loses them all the time. */
const MAX_GENERATIONS = 5
