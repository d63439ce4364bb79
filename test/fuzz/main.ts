import { Agent, request as openRequest } from 'node:http'
import { parseArgs } from 'node:util'
import { hostileRequests, type HostileRequest } from './requests.ts'
import { verdictOn, type Received } from './verdict.ts'
import { createWorld, type World } from './world.ts'

/**
 * Sends hostile requests to a server of its own, over sockets, and looks at every answer. It ends with 1 when one is a
 * failure of ours, tells of the inside, has a form that is nowhere documented, or does not come.
 *
 * `--seed` repeats a run, `--requests` and `--minutes` bound it, `--skip` begins later in the same sequence.
 */
const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    requests: { type: 'string', default: '50000' },
    minutes: { type: 'string', default: '20' },
    skip: { type: 'string', default: '0' },
  },
})
const CONCURRENCY = 8
const HANG_MS = 10_000
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

print(`seed ${seed}, up to ${limit} requests or ${options.minutes} minutes`)
await using world = await createWorld()
const started = performance.now()
const requests = hostileRequests(seed).drop(skip).take(limit)
await Promise.all(Array.from({ length: CONCURRENCY }, () => work(world)))
const seconds = (performance.now() - started) / 1_000
agent.destroy()

for (const line of table(tally.statuses)) print(line)
for (const fault of tally.faults.slice(0, SHOWN)) print(fault)
for (const line of world.failures.slice(0, SHOWN)) print(`log: ${line}`)
const faults = tally.faults.length + world.failures.length
print(`seed ${seed}: ${tally.sent} requests in ${seconds.toFixed(1)} s, ${Math.round(tally.sent / seconds)} a second`)
print(faults === 0 ? 'no fault' : `${faults} faults`)
process.exitCode = faults === 0 ? 0 : 1

/** Takes one request after another from those that are left. */
async function work({ url, credentials }: World): Promise<void> {
  while (Date.now() < deadline) {
    const number = skip + tally.sent
    const { value, done } = requests.next()
    if (done) return
    tally.sent += 1
    const received = await send(url, value, credentials[value.caller]).catch((error: unknown) => String(error))
    const fault = typeof received === 'string' ? received : verdictOn(received)
    if (typeof received !== 'string') count(received)
    if (fault !== null) tally.faults.push(describe(number, value, fault, received))
  }
}

function send(url: string, { method, target, headers, body }: HostileRequest, credentials: object): Promise<Received> {
  const { hostname, port } = new URL(url)
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
  const all = { ...credentials, ...headers, ...length }
  return new Promise((resolve, reject) => {
    const request = openRequest({ hostname, port, agent, method, path: target, headers: all }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const path = target.split('?', 1)[0] ?? ''
        const { statusCode: status = 0, headers: answered } = response
        resolve({ method, path, status, type: answered['content-type'], text: Buffer.concat(chunks).toString() })
      })
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
