import pg from 'pg'

/** What a connection tells in its first message under its own name: poolers know these, and keep them for each client. */
export const STARTUP = { DateStyle: 'ISO', TimeZone: 'UTC', standard_conforming_strings: 'on' }

/**
 * Every query of this service is answered from an index. A prepared plan that was made while a table was still small
 * must not scan it for ever after, and compiling a query of a few rows costs more than running it. What waits for a lock has
 * to see what its holder wrote, whatever isolation the database prefers.
 */
const SESSION = {
  enable_seqscan: 'off',
  jit: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
}

export interface SessionTimeouts {
  readonly statementTimeoutMs: number
  readonly lockTimeoutMs: number
}

/** PostgreSQL's and PgBouncer's words for a setting that a connection may not begin with. */
const REFUSED_SETTINGS = /unsupported startup parameter|unrecognized configuration parameter/

/**
 * A pool whose connections begin with settings of the session. They are sent as startup parameters: `discard all` and a
 * pooler leave them as they are, and nobody else's session gets them. Where a pooler refuses them, the pool goes on without.
 */
export class SessionPool extends pg.Pool {
  /** What every connection is made with: pg's pool reads it anew for each. */
  declare readonly options: pg.PoolOptions & { options?: string }
  readonly #given: string
  readonly #onRefused: (error: Error) => void
  readonly #end = new AbortController()

  constructor(
    { connectionString = '', ...config }: pg.PoolConfig,
    { statementTimeoutMs, lockTimeoutMs }: SessionTimeouts,
    onRefused: (error: Error) => void,
  ) {
    const { url, given } = withoutOptions(connectionString)
    const session = { ...SESSION, statement_timeout: statementTimeoutMs, lock_timeout: lockTimeoutMs }
    const own = Object.entries(session).map(([name, value]) => `-c ${name}=${escaped(String(value))}`)
    super({ ...config, connectionString: url, options: [...own, given].join(' ').trim() })
    this.#given = given
    this.#onRefused = onRefused
  }

  /** Aborted when the pool is closed. */
  get closing(): AbortSignal {
    return this.#end.signal
  }

  override end(): Promise<void>
  override end(callback: () => void): void
  override async end(): Promise<void> {
    this.#end.abort()
    await super.end()
  }

  override connect(): Promise<pg.PoolClient>
  override connect(...args: Parameters<pg.Pool['connect']>): void
  override connect(): Promise<pg.PoolClient> {
    const { options } = this.options
    return super.connect().catch((error: unknown) => this.#connectAgain(error, options))
  }

  /** @param options what the connection began with that could not be had. */
  #connectAgain(error: unknown, options: string | undefined): Promise<pg.PoolClient> {
    const isRefused = error instanceof Error && REFUSED_SETTINGS.test(error.message)
    if (!isRefused || options === undefined || options === this.#given) throw error
    // Of several connections that are refused at a time, the first one changes what all others begin with.
    if (this.options.options === options) {
      if (this.#given === '') delete this.options.options
      else this.options.options = this.#given
      this.#onRefused(error)
    }
    return super.connect()
  }
}

/** The options of a URL, which pg would take in place of ours, and the URL without them. */
export function withoutOptions(connectionString: string): { url: string; given: string } {
  const url = URL.parse(connectionString)
  const given = url?.searchParams.get('options') ?? ''
  if (url === null || given === '') return { url: connectionString, given: '' }
  url.searchParams.delete('options')
  return { url: url.href, given }
}

/** PostgreSQL splits options at spaces. */
function escaped(value: string): string {
  return value.replaceAll(/[\\ ]/g, String.raw`\$&`)
}
