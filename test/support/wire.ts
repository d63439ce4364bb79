import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'

/** A line between a pool and its PostgreSQL that can be slow, be cut, and tells what went over it. */
export interface Wire extends AsyncDisposable {
  /** The database behind the line. */
  readonly connectionString: string
  /** Holds up the first connection on which a text of the pool passes, and then gives what ends it for both sides. */
  ambush(text: string, at: Ambush): Promise<() => void>
  /** How many requests each backend has answered so far, by its process id. */
  answered(): ReadonlyMap<number, number>
}

/**
 * Where a connection is held up:
 * - `request`: what holds the text never reaches PostgreSQL;
 * - `answer`: PostgreSQL has carried out that request, and the pool is not told;
 * - `commit`: the answers of an open transaction pass; the first one outside of it is held up.
 */
export type Ambush = 'request' | 'answer' | 'commit'

/** Opens a line on a loopback port. `delayMs` is asked for each piece, in each direction; pieces keep their order. */
export async function openWire(connectionString: string, { delayMs }: { delayMs?: () => number } = {}): Promise<Wire> {
  const line: Line = { delayMs, traps: [], answered: new Map() }
  const sockets = new Set<Socket>()
  const server = createServer((pool) => {
    const backend = connectTo(connectionString)
    for (const [socket, other] of [[pool, backend] as const, [backend, pool] as const]) {
      sockets.add(socket.setNoDelay())
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    join(pool, backend, line)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(connectionString)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}` // It listens on a port.
  return {
    connectionString: url.href,
    ambush: (text, at) => new Promise((resolve) => line.traps.push({ text, at, spring: resolve })),
    answered: () => line.answered,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Line {
  readonly delayMs: (() => number) | undefined
  /** Those into which no connection has run. */
  readonly traps: Trap[]
  readonly answered: Map<number, number>
}

interface Trap {
  readonly text: string
  readonly at: Ambush
  /** Is given what ends the connection. */
  readonly spring: (cut: () => void) => void
}

function join(pool: Socket, backend: Socket, { delayMs, traps, answered }: Line): void {
  let pid = 0
  let [requests, answers] = [0, 0]
  let trap: (Trap & { readonly request: number }) | undefined
  let isHeld = false

  relay(pool, backend, { delayMs, isPool: true }, (message, type) => {
    const index = trap ? -1 : traps.findIndex(({ text }) => message.includes(text))
    for (const found of index < 0 ? [] : traps.splice(index, 1)) trap = { ...found, request: requests + 1 }
    if (type === SYNC || type === QUERY) requests += 1
    if (trap?.at === 'request') hold(trap)
    return !isHeld
  })

  relay(backend, pool, { delayMs, isPool: false }, (message, type) => {
    if (type === BACKEND_KEY) pid = message.readInt32BE(HEAD)
    if (type !== READY) return !isHeld
    answered.set(pid, answers)
    // The first one answers the greeting.
    answers += 1
    const isIdle = message[HEAD] === IDLE
    if (trap && answers > trap.request && (trap.at === 'answer' || isIdle)) hold(trap)
    return !isHeld
  })

  function hold({ spring }: Trap): void {
    isHeld = true
    spring(() => {
      pool.destroy()
      backend.destroy()
    })
  }
}

// Messages of PostgreSQL: a letter, a length that counts itself but not the letter, the rest. The first one of a client
// has no letter.
const HEAD = 5
const [SYNC, QUERY, BACKEND_KEY, READY] = ['S', 'Q', 'K', 'Z']
const IDLE = 'I'.codePointAt(0)

interface Way {
  readonly delayMs: (() => number) | undefined
  readonly isPool: boolean
}

/** Passes on the messages of which `passes` is true, together where they arrive together. */
function relay(
  from: Socket,
  to: Socket,
  { delayMs, isPool }: Way,
  passes: (message: Buffer, type: string) => boolean,
): void {
  let rest: Buffer = Buffer.alloc(0)
  let letters = isPool ? 0 : 1
  const take = (piece: Buffer) => {
    rest = Buffer.concat([rest, piece])
    to.cork()
    while (rest.length >= letters + 4 && rest.length >= letters + rest.readInt32BE(letters)) {
      const message = rest.subarray(0, letters + rest.readInt32BE(letters))
      rest = rest.subarray(message.length)
      if (passes(message, message.toString('latin1', 0, letters))) to.write(message)
      letters = 1
    }
    to.uncork()
  }
  let last = Promise.resolve()
  from.on('data', (piece: Buffer) => {
    if (delayMs) last = last.then(() => sleep(delayMs())).then(() => take(piece))
    else take(piece)
  })
}

function connectTo(connectionString: string): Socket {
  const { host, port } = new Client({ connectionString })
  return host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
}
