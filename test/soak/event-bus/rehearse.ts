import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { openDatabase } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { startEmbeddedDatabase } from '../../../embedded/start.ts'
import { createCaller } from '../../../routers/index.ts'
import { migrateAll } from '../../../server/migrations.ts'
import { decodeEnrollment } from '../../support/avro.ts'
import { openRedis, type TestRedis } from '../../support/redis.ts'
import { addCourse, addLearners } from '../../support/seed.ts'
import { startServerProcess, type RehearsedServer } from '../server-process.ts'
import { expectedEntries, verdictOn, type Change, type Entry, type Stream, type Verdict } from './verdict.ts'

export interface Rehearsal {
  /** An empty directory of this rehearsal alone. */
  readonly dataDir: string
  readonly events: number
  /** How often something is killed in all: the two servers, PostgreSQL and Redis take turns. */
  readonly kills: number
}

export interface Report {
  readonly events: number
  readonly entries: Readonly<Record<Stream, number>>
  readonly kills: Readonly<Record<Victim, number>>
  readonly verdicts: Readonly<Record<Stream, Verdict>>
  readonly seconds: number
}

type Victim = 'server' | 'postgres' | 'redis'
const VICTIMS = ['server', 'redis', 'postgres'] as const
const STREAMS = { enrollments: 'course-enrollment-lifecycle', unenrollments: 'course-unenrollment-lifecycle' } as const

const BATCH = 200

/** What a learner goes through: every kind of change. */
const ROUNDS = [{}, { mode: 'verified' }, { isActive: false }, { isActive: true }] as const

/**
 * Enrolls and changes enrollments while two servers send them to the event bus and are killed, as PostgreSQL and Redis are; then
 * holds what the streams have against what the database has.
 */
export async function rehearse({ dataDir, events, kills }: Rehearsal): Promise<Report> {
  await using undo = new AsyncDisposableStack()
  const beganAt = performance.now()
  const { connectionString } = undo.use(await startEmbeddedDatabase({ dataDir, mode: 'owner' }))
  const db = openDatabase({ connectionString, poolSize: 4 })
  undo.defer(() => db.destroy())
  await migrateAll(db)
  const redis = undo.use(await openRedis())
  const env = { DATABASE_URL: connectionString, EVENT_BUS_REDIS_URL: redis.url, EVENT_BUS_STREAM_MAX_LEN: '10000000' }
  const servers = await Promise.all([startServerProcess(env), startServerProcess(env)])
  undo.defer(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]()
  })

  const killed: Record<Victim, number> = { server: 0, postgres: 0, redis: 0 }
  const killNext = async (number: number) => {
    const victim = VICTIMS[number % VICTIMS.length] ?? 'server'
    killed[victim] += 1
    if (victim === 'redis') await restart(redis)
    else if (victim === 'postgres') killPostgres(dataDir)
    else await replace(servers, number % 2, env)
  }
  await change(db, events, kills, killNext)
  await sent(db, redis)

  const changes = await changesIn(db)
  const found = {
    enrollments: await entriesIn(redis, STREAMS.enrollments),
    unenrollments: await entriesIn(redis, STREAMS.unenrollments),
  }
  return {
    events: changes.length,
    entries: { enrollments: found.enrollments.length, unenrollments: found.unenrollments.length },
    kills: killed,
    verdicts: {
      enrollments: verdictOn(expectedEntries(changes, 'enrollments'), found.enrollments),
      unenrollments: verdictOn(expectedEntries(changes, 'unenrollments'), found.unenrollments),
    },
    seconds: Math.round((performance.now() - beganAt) / 1_000),
  }
}

/** Makes the changes, batch by batch, each until it is told to be done; something is killed in the middle of some of them. */
async function change(
  db: Kysely<DB>,
  events: number,
  kills: number,
  killNext: (number: number) => Promise<void>,
): Promise<void> {
  const courseId = await addCourse(db)
  const learners = await addLearners(db, Math.ceil(events / ROUNDS.length))
  const { enrollment } = createCaller({ db, actor: { kind: 'service', name: 'soak' } })
  const batches = ROUNDS.flatMap((change) =>
    Array.from({ length: Math.ceil(learners.length / BATCH) }, (_, index) =>
      learners.slice(index * BATCH, (index + 1) * BATCH).map(({ username }) => ({ username, courseId, ...change })),
    ),
  )
  let done = 0
  for (const [index, items] of batches.entries()) {
    const isDue = Math.floor(((index + 1) * kills) / batches.length) > done
    const killing = isDue ? killNext(done) : undefined
    if (isDue) done += 1
    await untilDone(() =>
      index < batches.length / ROUNDS.length ? enrollment.enrollMany({ items }) : enrollment.changeMany({ items }),
    )
    await killing
  }
}

async function untilDone(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await work()
      return
    } catch (error) {
      if (attempt > 100) throw error
      await sleep(200)
    }
  }
}

async function restart(redis: TestRedis): Promise<void> {
  await redis.kill()
  await sleep(300)
  await redis.start()
}

/** Whoever owns it starts it again. */
function killPostgres(dataDir: string): void {
  const [line = ''] = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')
  const postmaster = Number(line)
  if (!(postmaster > 1)) throw new Error('No postmaster')
  process.kill(postmaster, 'SIGKILL')
}

async function replace(servers: RehearsedServer[], index: number, env: Record<string, string>): Promise<void> {
  await servers[index]?.kill()
  for (let attempt = 0; ; attempt += 1) {
    try {
      servers[index] = await startServerProcess(env)
      return
    } catch (error) {
      // PostgreSQL may be about to come up again.
      if (attempt > 20) throw error
      await sleep(500)
    }
  }
}

/** Waits until the position is that of the last event. */
async function sent(db: Kysely<DB>, redis: TestRedis): Promise<void> {
  const { events } = createCaller({ db, actor: { kind: 'service', name: 'soak' } })
  const isSent = async () => {
    const { id } = await db
      .selectFrom('event_bus_feeds')
      .select('id')
      .where('name', '=', 'event-bus')
      .executeTakeFirstOrThrow()
    const { cursor } = await events.list({ after: 'latest' })
    return (await redis.client.get(`enrollment-service.event-bus.${id}`)) === JSON.stringify({ cursor })
  }
  for (let attempt = 0; attempt < 1_200; attempt += 1) {
    // The last of those that were killed may still be on its way back.
    if (await isSent().catch(() => false)) return
    await sleep(100)
  }
  throw new Error('Not everything was sent within two minutes')
}

async function changesIn(db: Kysely<DB>): Promise<Change[]> {
  return db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .select(['v.id', 'v.kind', 'l.username', 'v.after_mode as mode', 'v.after_is_active as isActive'])
    .orderBy('v.transaction_id')
    .orderBy('v.id')
    .execute()
}

const PAGE = 5_000

async function entriesIn({ client }: TestRedis, stream: string): Promise<Entry[]> {
  const found: Entry[] = []
  for (let after = '-'; ;) {
    // By the protocol: [[id, [field, value, …]], …]
    const rows = (await client.callBuffer('XRANGE', stream, after, '+', 'COUNT', PAGE)) as [Buffer, Buffer[]][]
    for (const [id, flat] of rows) {
      const valueOf = (name: string) => flat[flat.findIndex((field) => String(field) === name) + 1] ?? Buffer.alloc(0)
      const { user, mode, is_active: isActive } = decodeEnrollment(valueOf('event_data'))
      found.push({
        id: String(valueOf('id')),
        type: String(valueOf('type')),
        username: user.pii.username,
        mode,
        isActive,
      })
      after = `(${String(id)}`
    }
    if (rows.length < PAGE) return found
  }
}
