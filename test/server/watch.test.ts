// slow: follows the feed over sockets
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTRPCClient, httpSubscriptionLink, type TRPCClientError } from '@trpc/client'
import { sql } from 'kysely'
import { Agent, EventSource } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createClient, type Client } from '../../routers/client.ts'
import type { AppRouter, EnrollmentEvent, Tracked } from '../../routers/index.ts'
import { callerOf } from '../routers/calls.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { untilShown } from '../support/feed.ts'
import { freePort } from '../support/free-port.ts'
import { addCourse, addLearners } from '../support/seed.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

const TOKEN = 'token-of-enterprise'

let database: TestDatabase
let courseId: string
let log: string[]
let server: Awaited<ReturnType<typeof start>>
let client: Client

beforeEach(async () => {
  database = await createTestDatabase()
  courseId = await addCourse(database.db)
  log = []
  server = await start()
  client = createClient({ url: server.internal, token: TOKEN })
})
afterEach(async () => {
  await client.close()
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

describe('the typed client', () => {
  test('follows the feed with for await', async () => {
    const after = await untilShown(database.db)
    const usernames = await enroll(3)
    const seen: string[] = []
    for await (const { id, data } of client.events.watch({ after })) {
      expect(id).toBe(data.cursor)
      if (seen.push(data.username) === 3) break
    }
    expect(seen).toEqual(usernames)
  })

  test('follows it with functions', async () => {
    const seen: Tracked<EnrollmentEvent>[] = []
    const started = Promise.withResolvers<void>()
    const completed = Promise.withResolvers<void>()
    const { unsubscribe } = client.events.watch.subscribe(
      {},
      { onData: (item) => void seen.push(item), onStarted: started.resolve, onComplete: completed.resolve },
    )
    await started.promise
    const [username] = await enroll(1)
    await eventually(() => expect(seen.map(({ data }) => data.username)).toEqual([username]))
    unsubscribe()
    await completed.promise
    await eventually(() => expect(ended()).toBe(1))
  })

  test('takes filters that are too long for a URL', async () => {
    const after = await untilShown(database.db)
    const [wanted] = await enroll(1)
    const usernames = [...Array.from({ length: 900 }, (_, n) => `nobody-with-a-rather-long-name-${n}`), wanted ?? '']
    for await (const { data } of client.events.watch({ after, usernames })) {
      expect(data.username).toBe(wanted)
      break
    }
  })

  test('is told of what no repeat would change', async () => {
    const errorOf = (items: AsyncIterable<unknown>) =>
      (async () => {
        for await (const _ of items);
      })().catch((error: unknown) => error as TRPCClientError<AppRouter>)
    expect(await errorOf(client.events.watch({ courseIds: ['nonsense'] }))).toMatchObject({
      data: { code: 'BAD_REQUEST', reason: 'invalidCourseKey', path: 'events.watch' },
    })
    expect(await errorOf(client.events.watch({ after: 'nonsense' }))).toMatchObject({ data: { code: 'BAD_REQUEST' } })
    await using stranger = createClient({ url: server.internal, token: 'wrong' })
    expect(await errorOf(stranger.events.watch({}))).toMatchObject({ data: { code: 'UNAUTHORIZED' } })
    await using lost = createClient({ url: 'http://127.0.0.1:9', token: TOKEN })
    expect(await errorOf(lost.events.watch({}))).toMatchObject({ data: { reason: 'unavailable' } })
  })

  test('resumes after the server was stopped and started anew, also when nothing had come before', async () => {
    const [quiet, busy] = [
      collected(client.events.watch({})),
      collected(client.events.watch({ after: await untilShown(database.db) })),
    ]
    // One that names no place begins when it is connected.
    await eventually(() => expect(connected()).toBe(2))
    const before = await enroll(2)
    await eventually(() => expect([quiet.length, busy.length]).toEqual([2, 2]))
    const silent = collected(client.events.watch({}))
    await eventually(() => expect(connected()).toBe(3))
    const { port } = new URL(server.internal)
    // Not at the end of the time for requests that run, which is longer than the test.
    await server[Symbol.asyncDispose]()
    const between = await enroll(2)
    server = await start(Number(port))
    const after = await enroll(2)
    await eventually(() => expect(silent.map(nameOf)).toEqual([...between, ...after]))
    await eventually(() => expect(quiet.map(nameOf)).toEqual([...before, ...between, ...after]))
    await eventually(() => expect(busy.map(nameOf)).toEqual([...before, ...between, ...after]))
  })

  test('ends what it follows when it is closed, and leaves calls their answers', async () => {
    const items = client.events.watch({})
    const next = items.next()
    await eventually(() => expect(connected()).toBe(1))
    const call = client.events.list.query({})
    await client.close()
    expect(await next).toEqual({ done: true, value: undefined })
    expect((await call).events).toEqual([])
    await eventually(() => expect(ended()).toBe(1))
  })
})

describe('a client of tRPC', () => {
  test('follows the feed as it is, and resumes by itself', async () => {
    const agent = new Agent()
    const withToken = agent.compose((dispatch) => (options, handler) => {
      const headers = { ...(options.headers as Record<string, string>), authorization: `Bearer ${TOKEN}` }
      return dispatch({ ...options, headers }, handler)
    })
    const theirs = createTRPCClient<AppRouter>({
      links: [
        httpSubscriptionLink({
          url: `${server.internal}/trpc`,
          EventSource,
          eventSourceOptions: { node: { dispatcher: withToken } },
        }),
      ],
    })
    const seen: { id: string; data: EnrollmentEvent }[] = []
    const subscription = theirs.events.watch.subscribe(
      { after: await untilShown(database.db) },
      { onData: (item) => seen.push(item) },
    )
    const before = await enroll(2)
    await eventually(() => expect(seen.map(nameOf)).toEqual(before))
    const { port } = new URL(server.internal)
    await server[Symbol.asyncDispose]()
    const between = await enroll(2)
    server = await start(Number(port))
    const after = await enroll(1)
    await eventually(() => expect(seen.map(nameOf)).toEqual([...before, ...between, ...after]))
    expect(seen.map(({ id }) => id)).toEqual(seen.map(({ data }) => data.cursor))
    subscription.unsubscribe()
    await agent.close()
    await eventually(() => expect(ended()).toBeGreaterThan(0))
  })
})

describe('on the wire', () => {
  test('the first message has the place where it begins', async () => {
    const after = await untilShown(database.db)
    await using raw = await openRaw(`/trpc/events.watch?input=${encodeURIComponent(JSON.stringify({ after }))}`)
    await raw.until(/\n\n/)
    expect(raw.text()).toMatch(/^HTTP\/1\.1 200 /)
    expect(raw.text()).toMatch(/content-type: text\/event-stream\r\n/)
    expect(raw.text()).toMatch(/cache-control: no-store, no-transform\r\n/)
    expect(raw.text()).toContain(`event: connected\ndata: {"reconnectAfterInactivityMs":30000}\nid: ${after}\n\n`)
  })

  test('Last-Event-ID is further on than what the URL says', async () => {
    const after = await untilShown(database.db)
    await enroll(3)
    const { events } = await eventually(async () => {
      const page = await callerOf(database.db).events.list({ after })
      expect(page.events).toHaveLength(3)
      return page
    })
    const header = `last-event-id: ${events[1]?.cursor}\r\n`
    const input = encodeURIComponent(JSON.stringify({ after, lastEventId: events[0]?.cursor }))
    await using raw = await openRaw(`/trpc/events.watch?input=${input}`, header)
    await raw.until(/"username"/)
    expect([...raw.text().matchAll(/^id: (.*)$/gm)].map(([, id]) => id)).toEqual([events[1]?.cursor, events[2]?.cursor])
  })

  test.each(['nonsense', '{', '"text"', '[]', '7', 'null'])(
    'the input %s is answered as a bad request',
    async (input) => {
      await using raw = await openRaw(`/trpc/events.watch?input=${encodeURIComponent(input)}`)
      await raw.until(/serialized-error\n.*\n\n/)
      expect(raw.text()).toContain('"code":"BAD_REQUEST"')
      expect(raw.text()).not.toMatch(/\.ts|node_modules/)
    },
  )

  test('nobody watches without a token, nor on the public listener', async () => {
    const url = '/trpc/events.watch?input={}'
    expect((await fetch(server.internal + url)).status).toBe(401)
    expect((await fetch(server.url + url, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(404)
  })

  test('HEAD opens no stream, and a batch is refused', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    const head = await fetch(`${server.internal}/trpc/events.watch?input={}`, { method: 'HEAD', headers })
    expect(head.status).toBe(204)
    const batch = await fetch(`${server.internal}/trpc/events.watch?batch=1&input={"0":{}}`, { headers })
    expect(await batch.text()).toContain('"code":"BAD_REQUEST"')
    expect(connected()).toBe(0)
  })

  test('a client that goes away ends its work at once', async () => {
    const after = await untilShown(database.db)
    const raw = await openRaw(`/trpc/events.watch?input=${encodeURIComponent(JSON.stringify({ after }))}`)
    await raw.until(/connected/)
    expect(ended()).toBe(0)
    await raw[Symbol.asyncDispose]()
    await eventually(() => expect(ended()).toBe(1))
  })

  test('a client that does not read is closed with tooSlow, and what it has not read is there for it', async () => {
    const after = await untilShown(database.db)
    await using raw = await openRaw(`/trpc/events.watch?input=${encodeURIComponent(JSON.stringify({ after }))}`)
    await raw.until(/connected/)
    raw.pause()
    const fast = collected(client.events.watch({ after }))
    // More than what is kept of events and what the system keeps of a connection, together.
    const EVENTS = 24_000
    await enroll(1)
    await sql`insert into enrollment_events
        (enrollment_id, version, kind, before_mode, before_is_active, after_mode, after_is_active, actor_kind, actor_name, via, at, reason)
      select (select max(id) from enrollments), n, 'modeChanged', 'honor', true, 'audit', true, 'system', 'tests', 'rpc', now(), repeat('x', 1000)
      from generate_series(2, ${EVENTS}::integer) n`.execute(database.db)
    await eventually(() => expect(fast.length).toBe(EVENTS))
    raw.resume()
    await raw.until(/serialized-error\n.*\n\n/)
    expect(raw.text()).toContain('"reason":"tooSlow"')
    const ids = [...raw.text().matchAll(/^id: (.*)$/gm)].map(([, id]) => id ?? '')
    const rest = collected(client.events.watch({ lastEventId: ids.at(-1) ?? '' }))
    await eventually(() => expect(ids.length - 1 + rest.length).toBe(EVENTS))
    expect([...ids.slice(1), ...rest.map(({ id }) => id)]).toEqual(fast.map(({ id }) => id))
  })
})

/** A port that it has again when it is started anew. */
async function start(privatePort?: number) {
  const logger = { level: 'debug', stream: { write: (line: string) => void log.push(line) } }
  const app = buildTestApp({ db: database.db, logger })
  const port = privatePort ?? (await freePort())
  return openTestServer(app, { privateAddress: { host: '127.0.0.1', port }, graceMs: 3_600_000 })
}

/** Subscriptions that have ended, as the log tells. */
function ended(): number {
  return log.filter((line) => line.includes('"path":"events.watch"') && line.includes('procedure called')).length
}

/** Streams that were answered. */
function connected(): number {
  return log.filter((line) => line.includes('subscription begun')).length
}

async function enroll(count: number): Promise<string[]> {
  const usernames = (await addLearners(database.db, count)).map(({ username }) => username)
  const items = usernames.map((username) => ({ username, courseId }))
  await callerOf(database.db).enrollment.enrollMany({ items })
  return usernames
}

function nameOf({ data }: { data: { username: string } }): string {
  return data.username
}

/** Collects whatever comes. */
function collected(items: AsyncIterable<Tracked<EnrollmentEvent>>): Tracked<EnrollmentEvent>[] {
  const seen: Tracked<EnrollmentEvent>[] = []
  void (async () => {
    for await (const item of items) seen.push(item)
  })()
  return seen
}

/** A request over a plain socket, whose answer is read as it comes. */
async function openRaw(path: string, header = '') {
  const { port } = new URL(server.internal)
  const socket = connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n${header}\r\n`)
  // Without the frames of the chunks of the answer.
  const text = () =>
    Buffer.concat(chunks)
      .toString()
      .replaceAll(/(?:\r\n)?^[0-9a-f]+\r\n/gm, '')
  return {
    text,
    until: (pattern: RegExp) => eventually(() => expect(text()).toMatch(pattern)),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    async [Symbol.asyncDispose]() {
      socket.destroy()
      await sleep(0)
    },
  }
}
