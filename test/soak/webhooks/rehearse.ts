import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase, type Database } from '../../../core/database/open.ts'
import { startEmbeddedDatabase } from '../../../embedded/start.ts'
import { createCaller, type Caller } from '../../../routers/index.ts'
import { migrateAll } from '../../../server/migrations.ts'
import { openReceiver, type Received } from '../../support/receiver.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { killPostgres } from './kill-postgres.ts'
import { keepServer } from './server.ts'
import { verdictOn, type Expected, type Kept, type Verdict } from './verdict.ts'

export interface WebhookRehearsal {
  /** An empty directory of this rehearsal alone. */
  readonly dataDir: string
  readonly events: number
  /** How often the server and PostgreSQL are killed, in all. */
  readonly kills: number
}

export interface WebhookReport {
  readonly events: number
  readonly received: number
  readonly kills: { readonly server: number; readonly postgres: number }
  readonly seconds: number
  readonly verdict: Verdict
  readonly kept: readonly Kept[]
  readonly expected: readonly Expected[]
}

/** Changes of each learner. */
const VERSIONS = 4

/** Learners of one batch. */
const BATCH = 250

/**
 * Lets a server of its own send events to an endpoint, while the server and PostgreSQL are killed again and again, and compares
 * what was received with what is in the database. One answer of a hundred is a failure.
 */
export async function rehearseWebhooks({ dataDir, events, kills }: WebhookRehearsal): Promise<WebhookReport> {
  await using undo = new AsyncDisposableStack()
  // Commits are on disk before they are told: the processes are killed, not the machine.
  const settings = { fsync: 'off' }
  const { connectionString } = undo.use(await startEmbeddedDatabase({ dataDir, mode: 'owner', settings }))
  const db = undo.use(openDatabase({ connectionString }))
  await migrateAll(db)
  const receiver = undo.use(
    await openReceiver((_, response) => response.writeHead(Math.random() < 0.01 ? 500 : 204).end()),
  )
  const webhooks = { secretKeys: [randomBytes(16).toString('hex')], allowedNetworks: ['127.0.0.1'] }
  const caller = createCaller({ db, actor: { kind: 'service', name: 'soak' }, webhooks })
  const courseId = await addCourse(db)
  await caller.webhooks.create({ url: receiver.url })
  const server = undo.use(await keepServer(connectionString, webhooks))

  const started = performance.now()
  const writing = write(db, caller, { courseId, learners: Math.ceil(events / VERSIONS) })
  const counts = { server: 0, postgres: 0 }
  for (let kill = 0; kill < kills; kill += 1) {
    const until = (events * (kill + 1)) / (kills + 1)
    await reached(() => receiver.received.length >= until, 30_000)
    if (kill % 2 === 0) await server.kill()
    else await killPostgres(dataDir)
    counts[kill % 2 === 0 ? 'server' : 'postgres'] += 1
  }
  await writing
  await reached(async () => (await pendingIn(db)) === 0, 600_000)
  const seconds = Math.round((performance.now() - started) / 1_000)
  const [kept, expected] = [receiver.received.map(keptOf), await expectedIn(db)]
  const verdict = verdictOn(kept, expected)
  return { events: expected.length, received: kept.length, kills: counts, seconds, verdict, kept, expected }
}

/** Makes changes, each batch again until it is done: repeats change nothing. */
async function write(
  db: Database,
  { enrollment }: Caller,
  { courseId, learners }: { courseId: string; learners: number },
): Promise<void> {
  for (let done = 0; done < learners; done += BATCH) {
    const batch = await again(() => addLearners(db, Math.min(BATCH, learners - done)))
    const items = batch.map(({ username }) => ({ username, courseId }))
    for (const state of [{}, { mode: 'verified' }, { isActive: false }, { isActive: true }]) {
      await again(() =>
        enrollment.enrollMany({ items: items.map((item) => ({ ...item, ...state, whenEnrolled: 'update' as const })) }),
      )
    }
  }
}

async function again<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch {
      await sleep(200)
    }
  }
}

/** Waits for something, at most for a time. */
async function reached(check: () => boolean | Promise<boolean>, ms: number): Promise<void> {
  const end = performance.now() + ms
  while (performance.now() < end) {
    const isReached = await Promise.resolve(check()).catch(() => false)
    if (isReached) return
    await sleep(50)
  }
}

/** Deliveries and events that are still to come. */
async function pendingIn(db: Database): Promise<number> {
  const sent = await db
    .selectFrom('webhook_deliveries')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('state', '=', 'delivered')
    .executeTakeFirst()
  return (await expectedIn(db)).length - Number(sent?.count)
}

async function expectedIn(db: Database): Promise<Expected[]> {
  const rows = await db.selectFrom('enrollment_events').select(['id', 'enrollment_id', 'version']).execute()
  return rows.map(({ id, enrollment_id: enrollmentId, version }) => ({ eventId: id, enrollmentId, version }))
}

function keptOf({ headers, message: { data } }: Received): Kept {
  return {
    messageId: String(headers['webhook-id']),
    eventId: String(data['id']),
    enrollmentId: String(data['enrollmentId']),
    version: Number(data['version']),
  }
}
