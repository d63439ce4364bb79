import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { STRETCH, sweepRequests, takeRequest } from '../../../../core/access/throttle/request-log.ts'
import { createThrottle, SWEEP_EVERY } from '../../../../core/access/throttle/throttle.ts'
import { openDatabase } from '../../../../core/database/open.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { eventually } from '../../../support/eventually.ts'

/** So long that nothing leaves it while a test runs. */
const PER_HOUR = { requests: 40, seconds: 3_600 }
const FEW = { requests: 3, seconds: 60 }

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())
beforeEach(async () => void (await db.deleteFrom('throttle').execute()))

describe('the window (rest-v1 §2.4)', () => {
  test('of three processes with 200 requests each at once, exactly as many pass as the limit says', async () => {
    const allowed = await takeInProcesses('user:1', 200)
    // One has been taken by the test itself, to hold the row.
    expect(allowed.reduce((sum, count) => sum + count, 1)).toBe(40)
  })

  test('each key has its own', async () => {
    for (const key of ['user:1', 'user:2']) await fill(key)
    expect(await takeRequest(db, 'user:1', FEW)).toMatchObject({ isAllowed: false })
    expect(await takeRequest(db, 'staff:1', FEW)).toMatchObject({ isAllowed: true })
  })

  test('a refused request leaves no mark: room comes when the counted ones go', async () => {
    await fill('user:1')
    await age('user:1', 30)
    for (let i = 0; i < 5; i += 1) expect((await takeRequest(db, 'user:1', FEW)).isAllowed).toBe(false)
    await age('user:1', 30)
    for (let i = 0; i < 3; i += 1) expect((await takeRequest(db, 'user:1', FEW)).isAllowed).toBe(true)
    expect((await takeRequest(db, 'user:1', FEW)).isAllowed).toBe(false)
  })

  test('it slides: no 60 seconds ever hold more than the limit', async () => {
    await takeRequest(db, 'user:1', FEW)
    await age('user:1', 50)
    await takeRequest(db, 'user:1', FEW)
    await takeRequest(db, 'user:1', FEW)
    // In a window of fixed length the second ten seconds would begin at nothing.
    await age('user:1', 11)
    expect(await takeRequest(db, 'user:1', FEW)).toMatchObject({ isAllowed: true })
    expect(await takeRequest(db, 'user:1', FEW)).toMatchObject({ isAllowed: false })
  })

  test('it is as long as the rate says, by the clock of the database', async () => {
    const rate = { requests: 2, seconds: 600 }
    expect(await allowedOf(4, rate)).toBe(2)
    await age('user:1', 300)
    expect(await allowedOf(4, rate)).toBe(0)
    await age('user:1', 300)
    expect(await allowedOf(4, rate)).toBe(2)
  })

  test('what is out of it is forgotten', async () => {
    await fill('user:1')
    await age('user:1', 61)
    await takeRequest(db, 'user:1', FEW)
    const row = await db.selectFrom('throttle').select('hits').executeTakeFirstOrThrow()
    expect(row.hits).toHaveLength(1)
  })
})

describe('how long to wait', () => {
  test.each([0.05, 1.05, 29.05, 58.05, 59.05])(
    'after %d seconds it is what is left of 60, rounded up',
    async (passed) => {
      await fill('user:1')
      await age('user:1', passed)
      const oldest = await oldestHit()
      const told = await createThrottle(db).take('user:1', FEW)
      // However long this took: nothing is left where it took until the request was out of the window.
      const left = await leftOf(oldest)
      expect(left).toBeLessThan(60 - passed)
      expect(told).toBe(left > 0 ? Math.ceil(left) : null)
    },
  )

  test('it is the time until the oldest request leaves, to the microsecond of the database', async () => {
    await fill('user:1')
    const { waitMs } = await takeRequest(db, 'user:1', FEW)
    const { rows } = await sql<{ ms: number }>`
      select extract(epoch from hits[1] + interval '60 seconds' - asked)::float8 * 1000 as ms from throttle
    `.execute(db)
    expect(waitMs).toBe(rows[0]?.ms)
    expect(waitMs).toBeLessThan(60_000)
  })

  test('whoever waits so long is let in', async () => {
    let now = 1_000
    const throttle = createThrottle(db, () => now)
    const rate = { requests: 1, seconds: 600 }
    expect(await throttle.take('user:1', rate)).toBeNull()
    const seconds = (await throttle.take('user:1', rate)) ?? 0
    expect(seconds).toBeGreaterThan(0)
    now += seconds * 1_000
    await age('user:1', seconds)
    expect(await throttle.take('user:1', rate)).toBeNull()
  })
})

describe('running against the limit', () => {
  test('costs the database nothing until room can come', async () => {
    let now = 1_000
    const throttle = createThrottle(db, () => now)
    await fill('user:1')
    const oldest = await oldestHit()
    const told = await throttle.take('user:1', FEW)
    const left = await leftOf(oldest)
    expect(told).toBe(Math.ceil(left))
    const asked = await lastAsked()
    now += 29_600
    expect(await throttle.take('user:1', FEW)).toBe(Math.ceil(left - 29.6))
    expect(await lastAsked()).toBe(asked)
    // Another process has no such memory.
    const toldOther = await createThrottle(db).take('user:1', FEW)
    expect(toldOther).toBe(Math.ceil(await leftOf(oldest)))
    expect(await lastAsked()).not.toBe(asked)
  })

  test('ends when room has come', async () => {
    let now = 1_000
    const throttle = createThrottle(db, () => now)
    await fill('user:1')
    await throttle.take('user:1', FEW)
    await age('user:1', 60)
    now += 60_000
    expect(await throttle.take('user:1', FEW)).toBeNull()
  })
})

describe('the table', () => {
  test('loses the rows of those who are gone, and no other, while requests come in', async () => {
    // Closed before the next test begins: the last sweep has ended then.
    await using pool = openDatabase({ connectionString: database.connectionString })
    const throttle = createThrottle(pool)
    await sql`
      insert into throttle (key, hits, expires, asked, allowed)
      select 'gone:' || i, array[now()], now() - interval '1 second', now(), true
      from generate_series(1, ${STRETCH * 2}::int) i
    `.execute(db)
    await takeRequest(db, 'user:1', PER_HOUR)
    await eventually(async () => {
      for (let i = 0; i < SWEEP_EVERY; i += 1) await throttle.take('user:2', { requests: 1_000_000, seconds: 1 })
      expect(await countRows()).toBe(2)
    })
    expect(await takeRequest(db, 'user:1', { requests: 1, seconds: 3_600 })).toMatchObject({ isAllowed: false })
  })

  test('is swept stretch by stretch, which waits for nobody', async () => {
    await sql`
      insert into throttle (key, hits, expires, asked, allowed)
      select 'gone:' || i, array[now()], now() - interval '1 second', now(), true
      from generate_series(1, ${STRETCH + 10}::int) i
    `.execute(db)
    await db.transaction().execute(async (trx) => {
      const { key } = await trx
        .selectFrom('throttle')
        .select('key')
        .orderBy('key')
        .forUpdate()
        .limit(1)
        .executeTakeFirstOrThrow()
      const after = await sweepRequests(db, '')
      expect(after).toMatch(/^gone:/)
      expect(await countRows()).toBe(11)
      expect(await sweepRequests(db, after)).toBe('')
      expect(await db.selectFrom('throttle').select('key').execute()).toEqual([{ key }])
    })
  })

  test('waits for no disk', async () => {
    const { rows } = await sql`select relpersistence from pg_class where relname = 'throttle'`.execute(db)
    expect(rows).toEqual([{ relpersistence: 'u' }])
  })
})

/** Uses up the three requests of {@link FEW}. */
async function fill(key: string): Promise<void> {
  for (let i = 0; i < FEW.requests; i += 1) await takeRequest(db, key, FEW)
}

/** Lets time pass for one key. */
async function age(key: string, seconds: number): Promise<void> {
  await sql`
    update throttle
    set hits = array(select hit - make_interval(secs => ${seconds}::float8) from unnest(hits) hit),
      expires = expires - make_interval(secs => ${seconds}::float8)
    where key = ${key}
  `.execute(db)
}

async function allowedOf(requests: number, rate: typeof FEW): Promise<number> {
  const taken = await Promise.all(Array.from({ length: requests }, () => takeRequest(db, 'user:1', rate)))
  return taken.filter(({ isAllowed }) => isAllowed).length
}

/** When the oldest request that counts was made, in seconds. */
async function oldestHit(): Promise<number> {
  const { rows } = await sql<{ at: number }>`select extract(epoch from hits[1])::float8 as at from throttle`.execute(db)
  return rows[0]?.at ?? 0
}

/** Seconds that were left of the 60 of a request when the database was asked last, to the microsecond. */
async function leftOf(hit: number): Promise<number> {
  const { rows } = await sql<{ at: number }>`select extract(epoch from asked)::float8 as at from throttle`.execute(db)
  return Math.round((hit + 60 - (rows[0]?.at ?? 0)) * 1_000_000) / 1_000_000
}

async function lastAsked(): Promise<string> {
  return (await db.selectFrom('throttle').select('asked').executeTakeFirstOrThrow()).asked
}

async function countRows(): Promise<number> {
  const { rows } = await db
    .selectFrom('throttle')
    .select((eb) => eb.fn.countAll<string>().as('rows'))
    .executeTakeFirstOrThrow()
  return Number(rows)
}

const CORE = join(import.meta.dirname, '../../../../core')
const PROGRAM = `
  import { openDatabase } from ${JSON.stringify(`${CORE}/database/open.ts`)}
  import { createThrottle } from ${JSON.stringify(`${CORE}/access/throttle/throttle.ts`)}
  const [connectionString, key, requests] = process.argv.slice(1)
  // Without limits: the first of the processes wait until the last of them has started.
  const patient = { connectionTimeoutMs: 0, statementTimeoutMs: 0, lockTimeoutMs: 0 }
  await using db = openDatabase({ connectionString, poolSize: 10, ...patient })
  const throttle = createThrottle(db)
  const take = () => throttle.take(key, ${JSON.stringify(PER_HOUR)})
  const waits = await Promise.all(Array.from({ length: Number(requests) }, take))
  console.log(waits.filter((wait) => wait === null).length)`

/** How many of the requests of each of three processes are allowed, when they meet at the row. */
async function takeInProcesses(key: string, requests: number): Promise<number[]> {
  const command = ['--input-type=module', '--eval', PROGRAM, database.connectionString, key, String(requests)]
  const meeting = await db.transaction().execute(async (trx) => {
    await takeRequest(trx, key, PER_HOUR)
    const ended = Promise.all([1, 2, 3].map(() => promisify(execFile)(process.execPath, command)))
    const met = eventually(async () => expect(await waitingForTheRow()).toBe(30))
    await Promise.race([met, ended])
    return { ended }
  })
  return (await meeting.ended).map(({ stdout }) => Number(stdout))
}

async function waitingForTheRow(): Promise<number> {
  const { rows } = await sql`
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
  `.execute(db)
  return rows.length
}
