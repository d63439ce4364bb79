import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import { createClient, type Client } from '../../../routers/client.ts'
import { createCaller } from '../../../routers/index.ts'
import { untilShown } from '../../support/feed.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { openCuttable } from './cuttable.ts'
import { createLedger } from './ledger.ts'
import { startServerProcess, TOKEN, type WatchedServer } from './server.ts'

export interface WatchSoakOptions {
  readonly db: Kysely<DB>
  /** Of the same database. */
  readonly connectionString: string
  readonly watchers: number
  readonly cuts: number
  readonly events: number
}

export interface WatchSoakReport {
  /** In words; none: each watcher has seen each event once, in order. */
  readonly faults: readonly string[]
  readonly cuts: number
  /** Seconds from the first event until the last watcher has seen the last one. */
  readonly seconds: number
  /** Processor time of all servers in seconds, for the same number of events. */
  readonly processor: { readonly without: number; readonly with: number }
}

/** Events that are written by one call. */
const BATCH = 50

/**
 * Lets watchers follow the feed through the typed client, over connections that are cut, from two server processes, one of which
 * is killed in the middle and replaced.
 */
export async function soakWatchers(options: WatchSoakOptions): Promise<WatchSoakReport> {
  const { db, connectionString, watchers, cuts, events } = options
  await using undo = new AsyncDisposableStack()
  const servers = [
    undo.use(await startServerProcess(connectionString)),
    undo.use(await startServerProcess(connectionString)),
  ]
  let connections = 0
  const portOf = () => Number(new URL(servers[(connections += 1) % servers.length]?.internalUrl ?? '').port)
  const courseId = await addCourse(db)
  const without = await processorTime(servers, () => write(options, servers, courseId, async () => {}))

  // The end of what was written so far, also where transactions of others keep some of it from being shown for a while.
  const cursor = await untilShown(db)
  const ledger = createLedger(watchers)
  const stretches = await Promise.all(
    Array.from({ length: watchers }, async () => undo.use(await openCuttable(portOf))),
  )
  const clients = stretches.map(({ url }) => undo.use(createClient({ url, token: TOKEN })))
  const started = clients.map(() => Promise.withResolvers<void>())
  const watching = clients.map((client, watcher) =>
    watch(client, cursor, { note: (id) => ledger.note(watcher, id), onStarted: () => started[watcher]?.resolve() }),
  )
  const failed = Promise.all(watching)
  failed.catch(() => {})
  // A first connection that is not made ends its watcher, as it should: none is cut before.
  await Promise.race([Promise.all(started.map(({ promise }) => promise)), failed])

  let [made, hasKilled, ofKilled] = [0, false, 0]
  const began = performance.now()
  const taken = await processorTime(servers, async () => {
    const another = await addCourse(db)
    await write(options, servers, another, async (written) => {
      const due = Math.floor((written / events) * cuts * watchers)
      for (; made < due; made += 1) stretches[made % watchers]?.cut()
      if (hasKilled || written < events / 2) return
      hasKilled = true
      ofKilled = servers[1]?.processorSeconds() ?? 0
      await servers[1]?.kill()
      servers[1] = undo.use(await startServerProcess(connectionString))
      // Starting is not watching.
      ofKilled -= servers[1].processorSeconds()
    })
    while (ledger.fewest() < events) await Promise.race([sleep(20), failed])
  })
  const seconds = (performance.now() - began) / 1_000
  // What would come twice is on its way by now.
  await sleep(500)
  const order = await cursorsAfter(db, cursor)
  return {
    faults: ledger.faults(order),
    cuts: made,
    seconds,
    processor: { without, with: taken + ofKilled },
  }
}

const ACTOR = { kind: 'service', name: 'soak' } as const

interface Watcher {
  readonly note: (id: string) => void
  readonly onStarted: () => void
}

/** Ends where the watcher is ended by an error. */
function watch(client: Client, after: string, { note, onStarted }: Watcher): Promise<void> {
  return new Promise((resolve, reject) => {
    const onData = ({ id }: { readonly id: string }) => note(id)
    client.events.watch.subscribe({ after }, { onData, onStarted, onError: reject, onComplete: resolve })
  })
}

/** Enrolls so many learners, in turn through each server, and tells how many it were after each call. */
async function write(
  { db, events }: WatchSoakOptions,
  servers: readonly WatchedServer[],
  courseId: string,
  onWritten: (count: number) => Promise<void>,
): Promise<void> {
  const learners = await addLearners(db, events)
  for (let from = 0; from < events; from += BATCH) {
    await using client = createClient({ url: servers[0]?.internalUrl ?? '', token: TOKEN })
    const items = learners.slice(from, from + BATCH).map(({ username }) => ({ username, courseId }))
    await client.enrollment.enrollMany.mutate({ items })
    await onWritten(Math.min(from + BATCH, events))
    await sleep(2)
  }
}

async function processorTime(servers: readonly WatchedServer[], work: () => Promise<void>): Promise<number> {
  const all = () => servers.reduce((sum, server) => sum + server.processorSeconds(), 0)
  const before = all()
  await work()
  return all() - before
}

async function cursorsAfter(db: Kysely<DB>, after: string): Promise<string[]> {
  const caller = createCaller({ db, actor: ACTOR })
  const cursors: string[] = []
  for (let from = after; ;) {
    const { events, cursor } = await caller.events.list({ after: from, limit: 1_000 })
    if (cursor === from) return cursors
    cursors.push(...events.map((event) => event.cursor))
    from = cursor
  }
}
