import { sql, type Kysely } from 'kysely'
import pg from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { migrateToLatest } from '../../../core/database/migrate.ts'
import { openDatabase, type Database, type OpenDatabaseOptions } from '../../../core/database/open.ts'
import type { DB } from '../../../core/database/schema.ts'
import { callerOf, refusalOf } from '../../routers/calls.ts'
import { createTestDatabase } from '../../support/database.ts'
import { hasPgbouncer, knowsPreparedStatements, openPgbouncer } from '../../support/pgbouncer.ts'
import { addCourse, addLearners } from '../../support/seed.ts'

// Behind a PgBouncer in transaction mode a connection of ours is another one of the server in each transaction.

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())
const owner = database.db

const NO_NAMES = /without prepared statements, which is slower/
const NAMES = /^A pooler stands before PostgreSQL; prepared statements are used through it/
const NO_TIMEOUT = /statement_timeout is none there rather than 10000 ms.*alter role/
const REFUSED = /^a pooler refuses settings of the session/
const IGNORING = { ignore_startup_parameters: 'options' }

test('a direct connection is remarked on by nobody, and its statements have names', async () => {
  const { db, told } = openTelling(database.connectionString)
  await using _ = db
  await enrollInEveryWay(db)
  expect(told).toEqual([])
  expect(await namesOf(db)).not.toEqual([])
})

describe.skipIf(!hasPgbouncer)('behind PgBouncer', () => {
  describe.each([
    ['that refuses our settings', {}, [REFUSED, NO_NAMES, NO_TIMEOUT]],
    ['that ignores our settings', IGNORING, [NO_NAMES, NO_TIMEOUT]],
  ])('%s', (_, settings, warnings) => {
    test('no call is lost or done twice, and the operator is told', async () => {
      await using pooler = await openPgbouncer(database.connectionString, settings)
      const { db, told } = openTelling(pooler.url)
      await using _pool = db
      await enrollInEveryWay(db)
      expect(told).toEqual(warnings.map((warning) => expect.stringMatching(warning)))
    })

    test('nothing of ours is left for other clients, nor prepared', async () => {
      await using pooler = await openPgbouncer(database.connectionString, { ...settings, default_pool_size: 1 })
      const names = [
        'enable_seqscan',
        'jit',
        'lock_timeout',
        'statement_timeout',
        'search_path',
        'DateStyle',
        'TimeZone',
      ]
      const before = await settingsOf(pooler.url, names)
      await using db = openDatabase({ connectionString: pooler.url })
      await enrollInEveryWay(db)
      expect(await settingsOf(pooler.url, names)).toEqual(before)
      expect(await namesOf(db)).toEqual([])
    })
  })

  test('names that are asked for all the same are given up at the first failures: no call is lost or done twice', async () => {
    await using pooler = await openPgbouncer(database.connectionString, IGNORING)
    const { db, told } = openTelling(pooler.url, { preparedStatements: 'on' })
    await using _ = db
    await enrollInEveryWay(db, { isJoining: false })
    expect(told).toContainEqual(expect.stringMatching(/^prepared statements do not work here/))
    await enrollInEveryWay(db)
  })

  describe.skipIf(!knowsPreparedStatements)('that keeps prepared statements (1.21 and newer)', () => {
    const KEEPING = { ...IGNORING, max_prepared_statements: 100 }

    test.each(['auto', 'on'] as const)(
      'names are used if %s: no call is lost or done twice',
      async (preparedStatements) => {
        await using pooler = await openPgbouncer(database.connectionString, KEEPING)
        const { db, told } = openTelling(pooler.url, { preparedStatements })
        await using _ = db
        await enrollInEveryWay(db)
        expect(told).toEqual([expect.stringMatching(NAMES), expect.stringMatching(NO_TIMEOUT)])
        expect(await namesOf(db)).not.toEqual([])
      },
    )

    test('fewer than there are statements: they are prepared again, and no call fails', async () => {
      await using pooler = await openPgbouncer(database.connectionString, { ...KEEPING, max_prepared_statements: 2 })
      await using db = openDatabase({ connectionString: pooler.url })
      await enrollInEveryWay(db)
      expect((await namesOf(db)).length).toBeLessThanOrEqual(2)
    })

    test('what the pooler loses, as by a restart, is prepared again', async () => {
      await using first = await openPgbouncer(database.connectionString, KEEPING)
      await using db = openDatabase({ connectionString: first.url })
      await enrollInEveryWay(db)
      await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`.execute(owner)
      await enrollInEveryWay(db)
      expect(await namesOf(db)).not.toEqual([])
    })
  })

  test('names that are switched off are never used', async () => {
    await using pooler = await openPgbouncer(database.connectionString, { ...IGNORING, default_pool_size: 1 })
    await using db = openDatabase({ connectionString: pooler.url, preparedStatements: 'off' })
    await enrollInEveryWay(db)
    expect(await namesOf(db)).toEqual([])
  })

  test('a time-out of the role holds, and nothing is said of it', async () => {
    await sql`create role patient login superuser password 'patient'`.execute(owner)
    await sql`alter role patient set statement_timeout = 300`.execute(owner)
    await using pooler = await openPgbouncer(database.connectionString, IGNORING, 'patient')
    const { db, told } = openTelling(pooler.url, { statementTimeoutMs: 300 })
    await using _ = db
    await expect(sql`select pg_sleep(5)`.execute(db)).rejects.toThrow('statement timeout')
    expect(told).toEqual([expect.stringMatching(NO_NAMES)])
    await sql`drop role patient`.execute(owner)
  })

  test('what waits for a lock waits briefly, though the pooler drops our lock_timeout', async () => {
    const [pair] = await pairs(1)
    if (pair === undefined) throw new Error('No pair')
    await using pooler = await openPgbouncer(database.connectionString, IGNORING)
    await using db = openDatabase({ connectionString: pooler.url, lockTimeoutMs: 500 })
    const holder = await owner.startTransaction().execute()
    await callerOf(holder).enrollment.enroll(pair)
    expect(await refusalOf(callerOf(db).enrollment.enroll(pair))).toMatchObject({ code: 'unavailable' })
    // Given up by the server: at its deadline a call is given up here, and its statement goes on to wait there.
    const waiting = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(owner)
    expect(waiting.rows).toEqual([])
    await holder.commit().execute()
    expect(await callerOf(db).enrollment.enroll(pair)).toMatchObject({ kind: 'unchanged' })
  })

  test('several migrate at once, and leave no lock behind', async () => {
    const url = new URL(database.connectionString)
    url.pathname = `pooled_${process.pid}_${Date.now()}`
    await sql.raw(`create database ${url.pathname.slice(1)} template template0`).execute(owner)
    await using pooler = await openPgbouncer(url.href, IGNORING)
    await using stack = new AsyncDisposableStack()
    const pools = [1, 2, 3].map(() => stack.use(openDatabase({ connectionString: pooler.url, poolSize: 2 })))
    const applied = await Promise.all(pools.map((db) => migrateToLatest(db)))
    expect(applied.filter((names) => names.length > 0)).toHaveLength(1)
    const locks = await sql`select from pg_locks l join pg_database d on d.oid = l.database
      where l.locktype = 'advisory' and d.datname = ${url.pathname.slice(1)}`.execute(owner)
    expect(locks.rows).toEqual([])
  })

  test('a slow statement is left to run, and one in the queue of the pooler to wait, however late their answers', async () => {
    await using pooler = await openPgbouncer(database.connectionString, { ...IGNORING, default_pool_size: 1 })
    const lost: Error[] = []
    await using db = openDatabase({
      connectionString: pooler.url,
      statementTimeoutMs: 200, // A connection is suspected 1 s later; the pooler drops the time-out itself.
      onConnectionLost: (error) => lost.push(error),
    })
    const slow = sql`select pg_sleep(6)`.execute(db)
    const queued = sql`select 1 as one`.execute(db)
    await slow
    expect((await queued).rows).toEqual([{ one: 1 }])
    expect(lost).toEqual([])
  })
})

function openTelling(connectionString: string, options: Partial<OpenDatabaseOptions> = {}) {
  const told: string[] = []
  const db = openDatabase({ connectionString, ...options, onWarning: (message) => told.push(message) })
  return { db, told }
}

async function pairs(count: number) {
  const courseId = await addCourse(owner)
  return (await addLearners(owner, count)).map(({ username }) => ({ username, courseId }))
}

/** Single calls, strict batches and joined transactions, all at the same time; each is done, and done once. */
async function enrollInEveryWay(db: Database, { isJoining = true } = {}): Promise<void> {
  const { enrollment } = callerOf(db)
  const [single, capped, joined] = [await pairs(60), await pairs(100), isJoining ? await pairs(40) : []]
  await owner
    .updateTable('courses')
    .set({ max_enrollments: 1_000 })
    .where('course_key', '=', capped[0]?.courseId ?? '')
    .execute()
  const kinds = (
    await Promise.all([
      ...single.map(async (pair) => [(await enrollment.enroll(pair)).kind]),
      ...chunks(capped, 20).map(async (items) =>
        (await enrollment.enrollMany({ items, failureMode: 'strict' })).results.map(kindOf),
      ),
      ...chunks(joined, 4).map((items) => enrollJoined(db, items)),
    ])
  ).flat()
  const all = [...single, ...capped, ...joined]
  expect(kinds).toEqual(all.map(() => 'created'))
  expect(await written(owner, all)).toEqual({ enrollments: all.length, events: all.length })
  // And once more, on connections that have prepared it all.
  for (const pair of single) expect(await enrollment.enroll(pair)).toMatchObject({ kind: 'unchanged' })
}

function enrollJoined(db: Database, items: readonly { username: string; courseId: string }[]): Promise<string[]> {
  return db.transaction().execute(async (trx) => {
    const { enrollment } = callerOf(trx)
    return (await Promise.all(items.map((pair) => enrollment.enroll(pair)))).map(({ kind }) => kind)
  })
}

const kindOf = (result: { outcome?: { kind: string } | undefined } | object): string =>
  'outcome' in result && result.outcome !== undefined ? result.outcome.kind : JSON.stringify(result)

function chunks<T>(values: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, n) => values.slice(n * size, (n + 1) * size))
}

async function written(db: Kysely<DB>, items: readonly { username: string }[]) {
  const usernames = items.map(({ username }) => username)
  const { rows } = await sql<{ enrollments: number; events: number }>`
    select count(*)::integer as enrollments,
      (select count(*)::integer from enrollment_events v join enrollments w on w.id = v.enrollment_id join learners l on l.id = w.learner_id
       where l.username = any (${usernames}::text[])) as events
    from enrollments e join learners l on l.id = e.learner_id
    where l.username = any (${usernames}::text[])`.execute(db)
  return rows[0]
}

/** The statements that the server keeps prepared for the connection that is reached. */
async function namesOf(db: Database): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from pg_prepared_statements`.execute(db)
  return rows.map(({ name }) => name)
}

/** What a client that sets nothing itself finds set. */
async function settingsOf(connectionString: string, names: readonly string[]): Promise<unknown[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  const { rows } = await client.query('select name, current_setting(name) as value from unnest($1::text[]) as name', [
    names,
  ])
  await client.end()
  return rows
}
