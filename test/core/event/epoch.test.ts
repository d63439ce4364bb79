// slow: starts PostgreSQL several times
import { sql, type Kysely } from 'kysely'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase, type Database } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { createCaller } from '../../../routers/index.ts'
import { startEmbeddedDatabase } from '../../../embedded/start.ts'
import { migrateAll } from '../../../server/migrations.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestDatabase } from '../../support/database.ts'
import { freshDirectory } from '../../support/embedded.ts'
import { addCourse } from '../../support/seed.ts'
import { enrollTagged, makeFeedAnew, newReader, openLate, readOn } from './readers.ts'

const actor = { kind: 'service', name: 'tests' } as const

describe('a restart of PostgreSQL', () => {
  test('moves no reader, and what was prepared before comes in its place', async () => {
    const dataDir = await freshDirectory()
    const first = await startServer(dataDir)
    await migrateAll(first.db)
    const courseId = await addCourse(first.db)
    const reader = newReader()
    await enrollTagged(first.db, courseId, '1', first.db)
    await readOn(reader, first.db)
    await enrollTagged(first.db, courseId, '2')
    const trx = await openLate(first.db, courseId, 'prepared')
    await sql`prepare transaction 'forgotten'`.execute(trx)
    await trx.commit().execute()
    await enrollTagged(first.db, courseId, '3')
    await first.stop()

    const { db } = await startServer(dataDir)
    const heldBack = { since: expect.any(String), by: { kind: 'prepared', gid: 'forgotten' } }
    expect(await readOn(reader, db)).toMatchObject({ heldBack })
    await enrollTagged(db, courseId, '4')
    expect(await readOn(reader, db)).toMatchObject({ events: [], heldBack })
    const latest = newReader((await createCaller({ db, actor }).events.list({ after: 'latest' })).cursor)
    expect(latest.cursor).toBe(reader.cursor)
    await sql`commit prepared 'forgotten'`.execute(db)
    await enrollTagged(db, courseId, '5')
    await eventually(async () => {
      await readOn(reader, db)
      expect(reader.tags.at(-1)).toBe('5')
    })
    expect(reader.tags).toEqual(['1', '2', 'prepared', '3', '4', '5'])
  })

  test('gives numbers above all before', async () => {
    const dataDir = await freshDirectory()
    const numbers: bigint[] = []
    for (let start = 1; start <= 3; start += 1) {
      const { db, stop } = await startServer(dataDir)
      await migrateAll(db)
      const courseId = await addCourse(db)
      for (const tag of ['1', '2']) {
        await enrollTagged(db, courseId, tag)
        numbers.push(await newestNumber(db))
      }
      await stop()
    }
    expect(numbers).toEqual(numbers.toSorted((a, b) => Number(a - b)))
    expect(new Set(numbers).size).toBe(6)
  })
})

describe('the first events of an epoch', () => {
  test('are written by many at once, none of whom waits for another to commit', async () => {
    const { db } = await freshDatabase()
    const courseId = await addCourse(db)
    const late = await openLate(db, courseId, 'late')
    await Promise.all(['1', '2', '3', '4'].map((tag) => enrollTagged(db, courseId, tag)))
    await late.rollback().execute()
    const reader = newReader()
    await eventually(async () => {
      await readOn(reader, db)
      expect(new Set(reader.tags)).toEqual(new Set(['1', '2', '3', '4']))
    })
  })

  test('keep their offset where the transaction that began it is rolled back', async () => {
    const { db } = await freshDatabase()
    const courseId = await addCourse(db)
    const late = await openLate(db, courseId, 'late')
    const begun = await offset(db)
    await late.rollback().execute()
    await enrollTagged(db, courseId, '1')
    expect(await offset(db)).toBe(begun)
  })

  test('go on where the version before this one wrote events, whose readers follow the new ones too', async () => {
    const { db } = await freshDatabase()
    const courseId = await addCourse(db)
    await enrollTagged(db, courseId, '1')
    await asBefore(db, sql`pg_current_xact_id()`)
    await enrollTagged(db, courseId, '2')
    expect(await offset(db)).toBe(0n)
    expect(await newestNumber(db)).toBeGreaterThanOrEqual(await newestTransaction(db))
  })

  test('are above those of a cluster that the version before this one was restored from', async () => {
    const { db } = await freshDatabase()
    const courseId = await addCourse(db)
    await enrollTagged(db, courseId, '1')
    await asBefore(db, sql`'4000000000123'::xid8`)
    const reader = newReader('4000000000123-77')
    await enrollTagged(db, courseId, '2')
    await eventually(async () => {
      await readOn(reader, db)
      expect(reader.tags).toEqual(['2'])
    })
  })
})

describe('heldBack', () => {
  test('names the session, and hides since when from a role that may not see it', async () => {
    const { db, connectionString } = await freshDatabase()
    const courseId = await addCourse(db)
    const url = new URL(connectionString)
    url.searchParams.set('application_name', 'nightly report')
    const neighbour = openDatabase({ connectionString: url.href })
    onTestFinished(() => neighbour.destroy())
    const late = await neighbour.startTransaction().execute()
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid, pg_current_xact_id()`.execute(late)
    await enrollTagged(db, courseId, '1')
    const by = { kind: 'transaction', pid: rows[0]?.pid, applicationName: 'nightly report' }
    // Of all open transactions the oldest is named: those of others, on the same server, end.
    await eventually(async () => {
      const { heldBack } = await createCaller({ db, actor }).events.list({})
      expect(heldBack).toEqual({ since: expect.stringMatching(/^\d{4}-.*Z$/), by })
    })
    const restricted = await restrictedRole(db, connectionString)
    await eventually(async () => {
      const seen = await createCaller({ db: restricted, actor }).events.list({})
      expect(seen).toMatchObject({ events: [], heldBack: { since: null, by } })
    })
    await late.rollback().execute()
    await eventually(async () => {
      expect(await createCaller({ db: restricted, actor }).events.list({})).toMatchObject({ heldBack: null })
    })
  })

  test('is null where an open transaction keeps nothing back', async () => {
    const { db } = await freshDatabase()
    const late = await db.startTransaction().execute()
    await sql`select pg_current_xact_id()`.execute(late)
    expect((await createCaller({ db, actor }).events.list({})).heldBack).toBeNull()
    await late.rollback().execute()
  })
})

describe('the largest ids', () => {
  test('are read like any others', async () => {
    const { db } = await freshDatabase()
    const courseId = await addCourse(db)
    await sql`alter table enrollment_events alter id restart with 9223372036854775806`.execute(db)
    const reader = newReader()
    for (const tag of ['1', '2']) {
      await enrollTagged(db, courseId, tag)
      await eventually(async () => {
        await readOn(reader, db)
        expect(reader.tags.at(-1)).toBe(tag)
      })
    }
    expect(reader.cursor).toMatch(/-9223372036854775807$/)
  })

  test.each([
    ['9223372036854775807-9223372036854775807', true],
    ['9223372036854775807-9223372036854775808', false],
    ['9999999999999999999-1', true],
    ['99999999999999999999-1', false],
    ['1-1-1', false],
    ['-1-1', false],
    ['latest', true],
    ['oldest', false],
  ])('a cursor %s is taken: %s', async (after, isTaken) => {
    const { db } = await freshDatabase()
    const answer = createCaller({ db, actor }).events.list({ after })
    if (isTaken) await expect(answer).resolves.toMatchObject({ events: [] })
    else await expect(answer).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })
})

async function startServer(dataDir: string): Promise<{ db: Database; stop: () => Promise<void> }> {
  // Autovacuum has transactions too, which hold the feed back for a moment.
  const settings = { max_prepared_transactions: '5', autovacuum: 'off' }
  const server = await startEmbeddedDatabase({ dataDir, mode: 'owner', durable: false, settings })
  const db = openDatabase({ connectionString: server.connectionString })
  const stop = async () => {
    await db.destroy()
    await server.stop()
  }
  let stopped: Promise<void> | undefined
  const once = () => (stopped ??= stop())
  onTestFinished(once)
  return { db, stop: once }
}

async function freshDatabase() {
  const database = await createTestDatabase()
  onTestFinished(() => database[Symbol.asyncDispose]())
  return database
}

/** A role that reads the feed and sees no sessions but its own. */
async function restrictedRole(db: Kysely<DB>, connectionString: string): Promise<Database> {
  const name = `reader_${Math.random().toString(36).slice(2)}`
  await sql
    .raw(`create role ${name} login password 'secret'; grant select on all tables in schema public to ${name}`)
    .execute(db)
  const url = new URL(connectionString)
  url.username = name
  url.password = 'secret'
  const restricted = openDatabase({ connectionString: url.href })
  onTestFinished(async () => {
    await restricted.destroy()
    await sql.raw(`drop owned by ${name}; drop role ${name}`).execute(db)
  })
  return restricted
}

/** Makes the newest event one that the version before this one wrote, and migrates anew. */
async function asBefore(db: Kysely<DB>, number: ReturnType<typeof sql>): Promise<void> {
  await sql`insert into enrollment_events (transaction_id, enrollment_id, version, kind, before_mode, before_is_active,
    after_mode, after_is_active, actor_kind, actor_name, via, at)
    select ${number}, enrollment_id, 2, 'deactivated', 'audit', true, 'audit', false, 'service', 'tests', 'rpc', at
    from enrollment_events`.execute(db)
  await sql`delete from enrollment_events where version = 1`.execute(db)
  await makeFeedAnew(db)
}

async function newestNumber(db: Kysely<DB>): Promise<bigint> {
  return bigintOf(db, 'select transaction_id from enrollment_events order by id desc limit 1')
}

async function newestTransaction(db: Kysely<DB>): Promise<bigint> {
  return bigintOf(db, 'select xmin from enrollment_events order by id desc limit 1')
}

async function offset(db: Kysely<DB>): Promise<bigint | null> {
  return nullableBigint(db, 'select feed_offset()')
}

async function bigintOf(db: Kysely<DB>, query: string): Promise<bigint> {
  return (await nullableBigint(db, query)) ?? 0n
}

async function nullableBigint(db: Kysely<DB>, query: string): Promise<bigint | null> {
  const { rows } = await sql.raw<{ text: string | null }>(`select (${query})::text as text`).execute(db)
  const text = rows[0]?.text ?? null
  return text === null ? null : BigInt(text)
}
