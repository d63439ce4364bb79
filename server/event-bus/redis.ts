import { isIP } from 'node:net'
import { Redis } from 'ioredis'
import { EventBusError } from './errors.ts'
import type { RedisAddress } from './settings.ts'

/** Milliseconds in which Redis has to answer. */
const TIMEOUT_MS = 5_000

/** Milliseconds for a connection that we end to end on the other side too. */
const DISCONNECT_MS = 500

/**
 * One connection to Redis, which is never mended: what was watched on it is watched until it ends. Whatever goes wrong on it
 * ends it.
 */
export interface RedisSession {
  /**
   * Sends commands and waits for what they answer.
   *
   * @throws {EventBusError} in plain words.
   */
  run<T>(work: (client: Redis) => Promise<T>): Promise<T>
}

/** Gives sessions with one Redis, one at a time; disposing of it ends the one that is open. */
export interface RedisConnection extends Disposable {
  /**
   * The session that is open, or a new one.
   *
   * @param signal ends it.
   * @throws {EventBusError} when Redis cannot be reached.
   */
  session(signal: AbortSignal): Promise<RedisSession>
}

export function redisConnection(address: RedisAddress, timeoutMs = TIMEOUT_MS): RedisConnection {
  let open: OpenSession | null = null
  return {
    async session(signal) {
      signal.throwIfAborted()
      if (open?.isOpen !== true) {
        open = newSession(address, timeoutMs, signal)
        await open.connect()
      }
      return open
    },
    [Symbol.dispose]() {
      open?.close()
    },
  }
}

interface OpenSession extends RedisSession {
  readonly isOpen: boolean
  connect(): Promise<void>
  close(): void
}

function newSession(address: RedisAddress, timeoutMs: number, signal: AbortSignal): OpenSession {
  const client = newClient(address, timeoutMs)
  const ended = Promise.withResolvers<never>()
  ended.promise.catch(() => {}) // Nobody may wait for it.
  let isOpen = true
  const close = (reason: Error = new Error('the connection has ended')) => {
    if (!isOpen) return
    isOpen = false
    signal.removeEventListener('abort', stop)
    ended.reject(reason)
    client.disconnect()
  }
  const stop = () => close()
  // A client whose database cannot be chosen says so here, and would go on in another one.
  client.on('error', close)
  client.on('end', stop)
  signal.addEventListener('abort', stop)
  const run: RedisSession['run'] = async (work) => {
    try {
      return await Promise.race([ended.promise, withinTime(work(client), timeoutMs)])
    } catch (error) {
      close()
      throw error instanceof EventBusError ? error : new EventBusError(explained(error, address))
    }
  }
  return {
    run,
    connect: () => run(() => client.connect()),
    close: stop,
    get isOpen() {
      return isOpen
    },
  }
}

/** A client that does nothing by itself: no second connection, no command twice, no queue. */
function newClient({ host, port, username, password, database, isEncrypted }: RedisAddress, timeoutMs: number): Redis {
  return new Redis({
    host,
    port,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(isEncrypted ? { tls: isIP(host) === 0 ? { servername: host } : {} } : {}),
    db: database,
    // The older protocol, which every server speaks in one form.
    protocol: 2,
    connectionName: 'enrollment-service',
    disableClientInfo: true,
    family: 0,
    connectTimeout: timeoutMs,
    disconnectTimeout: DISCONNECT_MS,
    keepAlive: 10_000,
    lazyConnect: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    retryStrategy: () => null,
  })
}

async function withinTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Errors of the client hold the commands with all their arguments, the password among them: only the text goes on. */
function explained(error: unknown, { host, port }: RedisAddress): string {
  return `Redis at ${host}:${port}: ${textOf(error)}`
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // What was wrong with a command of a transaction is told before the transaction itself fails.
  const [first] = 'previousErrors' in error && Array.isArray(error.previousErrors) ? error.previousErrors : []
  if (first instanceof Error) return textOf(first)
  const code = 'code' in error ? String(error.code) : error.name
  return (error.message || code).replaceAll(/\s+/g, ' ').slice(0, 300)
}
