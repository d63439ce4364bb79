import { Agent, request as openRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { hostileRequests, type HostileRequest } from './requests.ts'
import { rawBytes, verdictOnRaw } from './raw.ts'
import { BUSY_LIMIT_MS } from './server-process.ts'
import { verdictOn, type Received } from './verdict.ts'
import { createWorld, type World } from './world.ts'

/**
 * Sends hostile requests to both listeners of a server in a process of its own, over sockets, and looks at every answer. It
 * ends with 1 when one is a failure of ours, tells of the inside, has a form that is nowhere documented, is an error of more
 * than 64 KB, or does not come; when a turn of the server's event loop takes more processor time than a request may; and
 * when its memory has grown.
 *
 * `--seed` repeats a run, `--requests` and `--minutes` bound it, `--skip` begins later in the same sequence.
 */
const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    requests: { type: 'string', default: '50000' },
    minutes: { type: 'string', default: 'Infinity' },
    skip: { type: 'string', default: '0' },
  },
})
const CONCURRENCY = 8
const HANG_MS = 10_000
/** For so long a stream is listened to. */
const STREAM_MS = 50
/** A long body that is refused by its head may lose its answer (rest-v1 D20). */
const CUT = /EPIPE|ECONNRESET|socket hang up/
/** By so much may its memory grow. */
const GROWTH_MIB = 50
/** Faults that are printed whole. */
const SHOWN = 20
const ROUTES = [
  'enrollment',
  'enrollment/',
  'course/',
  'enrollments',
  'unenroll',
  'roles',
  'enrollment_allowed',
  'bulk_enroll',
]

interface Tally {
  readonly statuses: Map<string, Map<number, number>>
  readonly faults: string[]
  sent: number
}

const seed = Number(options.seed)
const skip = Number(options.skip)
const limit = Number(options.requests)
const deadline = Date.now() + Number(options.minutes) * 60_000
const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY })
const tally: Tally = { statuses: new Map(), faults: [], sent: 0 }

print(`seed ${seed}, up to ${limit} requests${Number.isFinite(deadline) ? ` or ${options.minutes} minutes` : ''}`)
await using world = await createWorld()
const { server } = world
const started = performance.now()
const requests = hostileRequests(seed).drop(skip).take(limit)
const samples: number[] = []
await Promise.all([...Array.from({ length: CONCURRENCY }, () => work(world)), workRaw(), sampleMemory()])
samples.push(await server.memory())
const seconds = (performance.now() - started) / 1_000
agent.destroy()

for (const line of table(tally.statuses)) print(line)
for (const line of server.failures.slice(0, SHOWN)) print(`log: ${line}`)
const { mostMs, turnsBeyond } = server.busy()
print(`processor time of one turn: at most ${Math.round(mostMs)} ms, ${turnsBeyond} turns beyond ${BUSY_LIMIT_MS} ms`)
const grownBy = growth(samples)
print(`memory in MiB: ${samples.map(Math.round).join(' ')}`)
const faults = tally.faults.length + server.failures.length + turnsBeyond + (grownBy > GROWTH_MIB ? 1 : 0)
print(`seed ${seed}: ${tally.sent} requests in ${seconds.toFixed(1)} s, ${Math.round(tally.sent / seconds)} a second`)
print(faults === 0 ? 'no fault' : `${faults} faults`)
process.exitCode = faults === 0 ? 0 : 1

/** Takes one request after another from those that are left. */
async function work({ credentials }: World): Promise<void> {
  while (Date.now() < deadline) {
    const number = skip + tally.sent
    const { value, done } = requests.next()
    if (done) return
    tally.sent += 1
    const url = value.listener === 'public' ? server.url : server.internal
    const attempt = (from: Agent | false) => send(url, value, credentials[value.caller], from)
    // A server that refuses a long body closes the connection, on which the next request may have gone out already.
    const received = await attempt(agent)
      .catch(() => attempt(false))
      .catch((error: unknown) => String(error))
    const isCut = typeof received === 'string' && CUT.test(received) && Buffer.byteLength(value.body ?? '') > 65_536
    if (isCut) continue
    const fault = typeof received === 'string' ? received : verdictOn(received)
    if (typeof received !== 'string') count(received)
    if (fault !== null) tell(describe(number, value, fault, received))
  }
}

/** Sends bytes that are no whole requests, one for each fifty requests, to both listeners in turn; twenty at a time. */
async function workRaw(): Promise<void> {
  let sent = 0
  while (Date.now() < deadline && tally.sent < limit) {
    if (sent * 50 > tally.sent) {
      await sleep(20)
      continue
    }
    const all = fc.sample(rawBytes, { numRuns: 20, seed: seed + skip + sent })
    sent += all.length
    const send = (bytes: Buffer, n: number) => verdictOnRaw(n % 2 === 0 ? server.url : server.internal, bytes)
    for (const fault of await Promise.all(all.map(send))) if (fault !== null) tell(`raw: ${fault}`)
  }
  print(`${sent} raw requests`)
}

/** At once: a run may be long. */
function tell(fault: string): void {
  if (tally.faults.push(fault) <= SHOWN) print(fault)
}

/** Looks at the memory of the server twenty times. */
async function sampleMemory(): Promise<void> {
  for (let step = 1; step <= 20; step += 1) {
    while (progress() < step / 21) await sleep(100)
    samples.push(await server.memory())
    process.stderr.write(`${tally.sent} requests, ${tally.faults.length + server.failures.length} faults\n`)
  }
}

/** From 0 to 1, when there is nothing left of the requests or of the time. */
function progress(): number {
  const duration = Number(options.minutes) * 60_000
  return Math.max(tally.sent / limit, Number.isFinite(duration) ? 1 - (deadline - Date.now()) / duration : 0)
}

/** By how much the least of the last quarter is above the most of the first, once all is warm. */
function growth(all: readonly number[]): number {
  const quarter = Math.floor(all.length / 4)
  return quarter < 2 ? 0 : Math.min(...all.slice(-quarter)) - Math.max(...all.slice(1, quarter + 1))
}

function send(
  url: string,
  { method, target, headers, body }: HostileRequest,
  credentials: object,
  from: Agent | false,
): Promise<Received> {
  const { hostname, port } = new URL(url)
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
  const all = { ...credentials, ...headers, ...length }
  return new Promise((resolve, reject) => {
    const request = openRequest({ hostname, port, agent: from, method, path: target, headers: all }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      const { statusCode: status = 0, headers: answered } = response
      const type = answered['content-type']
      const end = () => {
        const path = target.split('?', 1)[0] ?? ''
        resolve({ method, path, status, type, text: Buffer.concat(chunks).toString() })
      }
      response.on('end', end)
      // A stream goes on: how it begins is its answer.
      if (type !== 'text/event-stream') return
      setTimeout(() => {
        end()
        request.destroy()
      }, STREAM_MS)
    })
    request.setTimeout(HANG_MS, () => request.destroy(new Error(`no answer within ${HANG_MS} ms`)))
    request.on('error', reject)
    request.end(body)
  })
}

function count({ method, path, status }: Received): void {
  const route = `${method} ${routeOf(path)}`
  const own = tally.statuses.get(route) ?? new Map<number, number>()
  own.set(status, (own.get(status) ?? 0) + 1)
  tally.statuses.set(route, own)
}

function routeOf(path: string): string {
  const [, route] = /^\/api\/(?:bulk_enroll|enrollment)\/v1\/([a-z_]+(?:\/(?=.))?)/.exec(path) ?? []
  if (path.startsWith('/trpc/')) return 'private'
  if (path.startsWith('/enterprise/')) return 'enterprise'
  return ROUTES.find((known) => known === route) ?? 'elsewhere'
}

function describe(number: number, asked: HostileRequest, fault: string, received: Received | string): string {
  const body = asked.body === undefined ? '' : `\n  body ${JSON.stringify(asked.body.toString()).slice(0, 600)}`
  const answer = typeof received === 'string' ? '' : `\n  answer ${received.status} ${received.text.slice(0, 400)}`
  const head = `${asked.method} ${asked.target.slice(0, 300)} as ${asked.caller}`
  return `#${number} ${fault}: ${head}\n  headers ${JSON.stringify(asked.headers).slice(0, 600)}${body}${answer}`
}

/** A line for each route and method, and one for all. */
function table(statuses: Tally['statuses']): string[] {
  const rows = [...statuses].toSorted(([one], [other]) => one.localeCompare(other))
  const total = new Map<number, number>()
  for (const [, own] of rows) for (const [status, times] of own) total.set(status, (total.get(status) ?? 0) + times)
  return [...rows, ['all', total] as const].map(([route, own]) => {
    const cells = [...own].toSorted(([one], [other]) => one - other).map(([status, times]) => `${status}: ${times}`)
    return `${route.padEnd(30)} ${cells.join('  ')}`
  })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
