// long: starts clusters of its own
import { CompiledQuery, sql } from 'kysely'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase, type Database } from '../../../core/database/open.ts'
import { consumeFeed } from '../../../server/background/feed-consumer.ts'
import { migrateAll } from '../../../server/migrations.ts'
import { copyDatabase } from '../../support/copy-database.ts'
import { freshDirectory, start } from '../../support/embedded.ts'
import { addCourse } from '../../support/seed.ts'
import {
  createDatabase,
  dump,
  dumpAndRestore,
  findSystemPostgres,
  NO_SYSTEM_POSTGRES,
  restore,
  startStandby,
  startSystemCluster,
  type SystemCluster,
} from '../../support/system-postgres.ts'
import { eventually } from '../../support/eventually.ts'
import { enrollTagged, newReader, openLate, readOn, useTransactionIds } from './readers.ts'

const bin = await findSystemPostgres()

describe.each([
  ['lower', 100_000, 0],
  ['higher', 0, 100_000],
])('a copy of all tables in a cluster with %s transaction ids', (_, ofOld, ofNew) => {
  test('goes on where every reader is', async () => {
    const old = await embedded(ofOld)
    const next = await embedded(ofNew)
    expect(
      await readAcross(old.db, async () => {
        await copyDatabase(old.url, next.url)
        return next.db
      }),
    ).toEqual(EACH_ONCE)
  })
})

describe.skipIf(bin === undefined)(`with ${bin === undefined ? `what ${NO_SYSTEM_POSTGRES}` : 'real programs'}`, () => {
  test.each([
    ['lower', 100_000, 0],
    ['higher', 0, 100_000],
  ])('pg_dump into a cluster with %s transaction ids', async (_, ofOld, ofNew) => {
    const old = await system(ofOld)
    const next = await cluster(ofNew)
    expect(await readAcross(old.db, async () => pool(await dumpAndRestore(programs(), old.url, next)))).toEqual(
      EACH_ONCE,
    )
  })

  test('pg_dump into a cluster and back again', async () => {
    const old = await system(100_000)
    const next = await cluster()
    const there = await dumpAndRestore(programs(), old.url, next)
    expect(
      await readAcross(await pool(there), async () =>
        pool(await dumpAndRestore(programs(), there, await cluster(200_000))),
      ),
    ).toEqual(EACH_ONCE)
  })

  test('pg_dump into another database of the same cluster', async () => {
    const old = await system()
    expect(
      await readAcross(old.db, async () => {
        const target = await createDatabase(old.cluster, 'restored')
        await restore(programs(), await dump(programs(), old.url), target)
        return pool(target)
      }),
    ).toEqual(EACH_ONCE)
  })

  test('logical replication, whose sequences are set by hand', async () => {
    const old = await system(100_000)
    const next = await cluster()
    const target = await createDatabase(next)
    await restore(programs(), await dump(programs(), old.url, ['--schema-only']), target)
    const db = await pool(target)
    await sql`create publication moving for all tables`.execute(old.db)
    await sql.raw(`create subscription moving connection '${old.url}' publication moving`).execute(db)
    // The first copy of a table waits for the transactions that are open.
    const unready = sql`select from pg_subscription_rel where srsubstate <> 'r'`
    await eventually(async () => expect((await unready.execute(db)).rows).toEqual([]))
    expect(
      await readAcross(old.db, async () => {
        const eventsIn = (of: Database) => of.selectFrom('enrollment_events').select('id').execute()
        const written = await eventsIn(old.db)
        await eventually(async () => expect(await eventsIn(db)).toHaveLength(written.length))
        await sql`drop subscription moving`.execute(db)
        await setSequences(db)
        return db
      }),
    ).toEqual(EACH_ONCE)
  })

  test('a standby that is promoted, and had not seen the last events', async () => {
    const old = await system(1_000)
    const standby = await startStandby(programs(), old.cluster)
    onTestFinished(() => standby[Symbol.asyncDispose]())
    const db = await pool(urlIn(standby))
    expect(
      await readAcross(
        old.db,
        async () => {
          const { rows } = await sql<{ lsn: string }>`select pg_current_wal_lsn()::text as lsn`.execute(old.db)
          await eventually(async () => {
            const { rows: at } = await sql`select where pg_last_wal_replay_lsn() >= ${rows[0]?.lsn}::pg_lsn`.execute(db)
            expect(at).toHaveLength(1)
          })
          // What is on the standby is read there too.
          const reader = newReader()
          await readOn(reader, db)
          expect(reader.tags.length).toBeGreaterThan(0)
          for (const statement of [`alter system set primary_conninfo = ''`, 'select pg_reload_conf()']) {
            await db.executeQuery(CompiledQuery.raw(statement))
          }
          await eventually(async () =>
            expect((await sql`select from pg_stat_wal_receiver`.execute(db)).rows).toEqual([]),
          )
          return db
        },
        async () => {
          await sql`select pg_promote()`.execute(db)
        },
      ),
    ).toEqual(EACH_ONCE)
  })
})

// What the tests of this file write: before the move, on the old side alone, and after it.
const BEFORE = ['late before', '1', '2', '3', '4', '5']
const LOST = ['lost 1', 'lost 2']
const AFTER = ['late', '6', '7', '8']
const EACH_ONCE = {
  part: [...BEFORE, ...AFTER],
  all: [...BEFORE, ...AFTER],
  ahead: [...BEFORE, ...LOST, ...AFTER],
  consumer: [...BEFORE, ...AFTER],
}

/**
 * What readers get when a database moves. One has read a part, one all, and one also what the new database will not
 * have; a transaction is open when it moves, and another one commits late in the new one.
 */
async function readAcross(
  db: Database,
  move: () => Promise<Database>,
  afterLoss: () => Promise<void> = async () => {},
) {
  const courseId = await addCourse(db)
  const lateBefore = await openLate(db, courseId, 'late before')
  for (const tag of ['1', '2', '3']) await enrollTagged(db, courseId, tag)
  await lateBefore.commit().execute()
  for (const tag of ['4', '5']) await enrollTagged(db, courseId, tag)
  const [part, all, ahead] = [newReader(), newReader(), newReader()]
  const consumer = taggingConsumer()
  await eventually(async () => expect((await readOn(all, db)).events.length + all.tags.length).toBeGreaterThan(5))
  await readOn(part, db, 2)
  await consumeFeed(db, consumer, { limit: 4 })

  const neverCommitted = await openLate(db, courseId, 'never committed')
  const next = await move()
  await neverCommitted.rollback().execute()
  for (const tag of ['lost 1', 'lost 2']) await enrollTagged(db, courseId, tag)
  await eventually(async () => {
    await readOn(ahead, db)
    expect(ahead.tags.at(-1)).toBe('lost 2')
  })
  await afterLoss()

  const late = await openLate(next, courseId, 'late')
  await enrollTagged(next, courseId, '6')
  const { heldBack } = await readOn(part, next)
  expect(heldBack).toMatchObject({ since: expect.any(String), by: { kind: 'transaction', pid: expect.any(Number) } })
  for (const reader of [all, ahead]) await readOn(reader, next)
  expect([part.tags, all.tags, ahead.tags]).toEqual([BEFORE, BEFORE, [...BEFORE, ...LOST]])

  await enrollTagged(next, courseId, '7')
  await late.commit().execute()
  await enrollTagged(next, courseId, '8')
  await eventually(async () => {
    for (const reader of [part, all, ahead]) expect((await readOn(reader, next, 3)).heldBack).toBeNull()
    expect(all.tags).toHaveLength(BEFORE.length + AFTER.length)
  })
  while ((await consumeFeed(next, consumer, { limit: 4 })) > 0);
  return { part: part.tags, all: all.tags, ahead: ahead.tags, consumer: consumer.tags }
}

function taggingConsumer() {
  const tags: (string | null)[] = []
  return {
    name: 'tests',
    tags,
    apply: async (_: unknown, events: readonly { reason: string | null }[]) => {
      tags.push(...events.map(({ reason }) => reason))
    },
  }
}

async function embedded(transactionIds: number): Promise<{ db: Database; url: string }> {
  const { connectionString: url } = await start({ dataDir: await freshDirectory() })
  const db = await pool(url)
  await migrateAll(db)
  await useTransactionIds(db, transactionIds)
  return { db, url }
}

async function system(transactionIds = 0): Promise<{ db: Database; url: string; cluster: SystemCluster }> {
  const started = await cluster()
  const url = await createDatabase(started)
  const db = await pool(url)
  await migrateAll(db)
  await useTransactionIds(db, transactionIds)
  return { db, url, cluster: started }
}

async function cluster(transactionIds = 0): Promise<SystemCluster> {
  const started = await startSystemCluster(programs())
  onTestFinished(() => started[Symbol.asyncDispose]())
  if (transactionIds > 0) await useTransactionIds(await pool(started.connectionString), transactionIds)
  return started
}

async function pool(connectionString: string): Promise<Database> {
  const db = openDatabase({ connectionString })
  onTestFinished(() => db.destroy())
  return db
}

function urlIn({ connectionString }: SystemCluster): string {
  const url = new URL(connectionString)
  url.pathname = 'service'
  return url.href
}

function programs(): string {
  if (bin === undefined) throw new Error('These tests are skipped without them')
  return bin
}

/** As whoever moves by logical replication does, which leaves sequences behind. */
async function setSequences(db: Database): Promise<void> {
  for (const table of ['learners', 'courses', 'course_modes', 'enrollments', 'enrollment_events']) {
    await sql`select setval(pg_get_serial_sequence(${table}, 'id'), (select max(id) from ${sql.table(table)}))`.execute(
      db,
    )
  }
}
