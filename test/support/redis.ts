import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'

const PROGRAM = 'redis-server'

/** Where Redis is not installed its tests are skipped, and say so. */
export const hasRedis = spawnSync(PROGRAM, ['--version']).status === 0
if (!hasRedis) process.stderr.write('Redis is not installed: its tests are skipped.\n')

export interface TestRedis extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** For the tests themselves; connects again by itself. */
  readonly client: Redis
  /** Ends the process at once. */
  kill(): Promise<void>
  /** Starts it again on the files that it left. */
  start(): Promise<void>
  signal(name: NodeJS.Signals): void
}

/** Starts a Redis of its own. Each write is on disk before it is answered. */
export async function openRedis(...settings: string[]): Promise<TestRedis> {
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), 'redis-'))
  let child: ChildProcess | undefined
  const client = new Redis({
    port,
    protocol: 2,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
  })
  client.on('error', () => {})
  const start = async () => {
    const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '']
    const durable = ['--appendonly', 'yes', '--appendfsync', 'always']
    child = spawn(PROGRAM, [...own, ...durable, ...settings], { stdio: 'ignore' })
    await isAnswering(port)
  }
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    client,
    kill,
    start,
    signal: (name) => void child?.kill(name),
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Whatever it answers: it may want a password. */
async function isAnswering(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const probe = new Redis({
      port,
      protocol: 2,
      lazyConnect: true,
      retryStrategy: () => null,
      enableReadyCheck: false,
    })
    probe.on('error', () => {})
    try {
      await probe.connect()
      const answer = await probe.ping().catch((error: Error) => error.message)
      if (!answer.includes('LOADING')) return
    } catch (error) {
      if (error instanceof Error && error.message.includes('NOAUTH')) return
    } finally {
      probe.disconnect()
    }
    await sleep(50)
  }
  throw new Error('Redis did not start')
}

/** An entry of a stream as a consumer gets it. */
export interface SeenEntry {
  readonly stream: string
  readonly redisId: string
  readonly fields: Record<string, string>
  readonly eventData: Buffer
}

/** All entries of a stream, oldest first. */
export async function entriesOf({ client }: Pick<TestRedis, 'client'>, stream: string): Promise<SeenEntry[]> {
  // By the protocol: [[id, [field, value, …]], …]
  const rows = (await client.callBuffer('XRANGE', stream, '-', '+')) as [Buffer, Buffer[]][]
  return rows.map(([id, flat]) => {
    const values = new Map<string, Buffer>()
    for (let index = 0; index < flat.length; index += 2) {
      values.set(String(flat[index]), flat[index + 1] ?? Buffer.alloc(0))
    }
    const eventData = values.get('event_data') ?? Buffer.alloc(0)
    values.delete('event_data')
    const fields = Object.fromEntries([...values].map(([name, value]) => [name, value.toString()]))
    return { stream, redisId: String(id), fields, eventData }
  })
}
