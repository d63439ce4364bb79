// slow: starts a MariaDB
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openLmsTokens } from '../../../lms/tokens/open.ts'
import { lmsExtension } from '../../../lms/extension.ts'
import { readConfig } from '../../../server/config.ts'
import { builtInExtensions } from '../../../server/extensions.ts'
import type { Extension } from '../../../server/extension.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { hasMariadb, openMariadb, type TestMariadb } from '../../support/mariadb.ts'
import { signToken } from '../../support/rest.ts'
import { addLearner } from '../../support/seed.ts'
import { buildTestApp } from '../../support/server.ts'
import { openSilentProxy } from '../../support/silent-proxy.ts'

const TOKENS = `create table oauth2_provider_accesstoken (id bigint primary key auto_increment, user_id int, application_id bigint,
  token text not null, token_checksum char(64) not null unique, expires datetime(6) not null, scope text not null)`
const OLD_TOKENS = `create table oauth2_provider_accesstoken (id bigint primary key auto_increment, user_id int, application_id bigint,
  token varchar(255) not null unique, expires datetime(6) not null, scope text not null)`

const unknown = {
  error_code: 'token_nonexistent',
  developer_message: 'The provided access token does not match any valid tokens.',
}
const expired = {
  error_code: 'token_expired',
  developer_message: 'The provided access token has expired and is no longer valid.',
}

describe.skipIf(!hasMariadb)("the LMS's opaque tokens", () => {
  let mariadb: TestMariadb
  let url: string
  beforeAll(async () => {
    mariadb = await openMariadb()
    url = await mariadb.createDatabase('lms')
    await mariadb.run('lms', TOKENS)
  }, 120_000)
  afterAll(() => mariadb[Symbol.asyncDispose]())

  let count = 0
  /** A token that the LMS has given out. */
  const giveOut = async (
    userId: number | null,
    { token = `token${(count += 1)}`, expires = '2999-01-01 00:00:00.000000', table = 'lms' } = {},
  ) => {
    const checksum = createHash('sha256').update(token).digest('hex')
    const names = table === 'lms' ? 'token, token_checksum' : 'token'
    const values = table === 'lms' ? `'${token}', '${checksum}'` : `'${token}'`
    await mariadb.run(
      table,
      `set sql_mode = ''; insert into oauth2_provider_accesstoken (user_id, ${names}, expires, scope) values (${userId}, ${values}, '${expires}', 'read')`,
    )
    return token
  }

  const open = async (at: string | undefined, clock?: () => number, env: Record<string, string> = {}) => {
    const database = await createTestDatabase()
    const lms: Extension = {
      ...lmsExtension(readConfig(at === undefined ? {} : { LMS_DATABASE_URL: at }).lms),
      ...(at !== undefined && clock !== undefined && { openTokens: (log) => openLmsTokens(at, log, clock) }),
    }
    const log: string[] = []
    const app = buildTestApp({
      db: database.db,
      env: { RATE_LIMITS: 'off', ...env },
      extensions: [...builtInExtensions, lms],
      logger: { level: 'info', stream: { write: (line) => void log.push(line) } },
    })
    const ask = async (token: string, path = '/enrollment', scheme = 'Bearer') => {
      const response = await app.inject({
        url: `/api/enrollment/v1${path}`,
        headers: { authorization: `${scheme} ${token}` },
      })
      return { status: response.statusCode, headers: response.headers, json: response.json() }
    }
    return {
      ...database,
      ask,
      log,
      async [Symbol.asyncDispose]() {
        await app.close()
        await database[Symbol.asyncDispose]()
      },
    }
  }
  type Door = Awaited<ReturnType<typeof open>>
  const account = ({ db }: Door, username: string) =>
    db
      .selectFrom('learners')
      .select(['user_id', 'is_id_of_lms', 'email', 'is_staff'])
      .where('username', '=', username)
      .executeTakeFirst()

  describe('while the database of the LMS is there', () => {
    let door: Door
    beforeAll(async () => void (door = await open(url)))
    afterAll(() => door[Symbol.asyncDispose]())

    test('the holder of a token is the account with the id of the LMS, which is made when it is not there', async () => {
      expect(await door.ask(await giveOut(5))).toMatchObject({ status: 200, json: [] })
      expect(await account(door, 'alice')).toEqual({
        user_id: 5,
        is_id_of_lms: true,
        email: 'alice@example.com',
        is_staff: false,
      })
    })

    test('an account with that id and another name is the same one, renamed', async () => {
      await addLearner(door.db, { username: 'bobby', user_id: 6, is_id_of_lms: true })
      expect((await door.ask(await giveOut(6))).status).toBe(200)
      expect(await account(door, 'bobby')).toBe(undefined)
      expect(await account(door, 'Bob')).toMatchObject({ user_id: 6 })
    })

    test('an address that is not confirmed is nobody’s', async () => {
      expect((await door.ask(await giveOut(12))).status).toBe(200)
      expect(await account(door, 'never_activated')).toMatchObject({ user_id: 12, email: null })
    })

    test('what the holder may do is what the account here says', async () => {
      const token = await giveOut(20)
      expect((await door.ask(token, '/enrollments/')).status).toBe(403)
      await door.db.updateTable('learners').set({ is_staff: true }).where('user_id', '=', 20).execute()
      expect((await door.ask(token, '/enrollments/')).status).toBe(200)
    })

    test('an account that staff has disabled is refused', async () => {
      const token = await giveOut(10)
      expect((await door.ask(token)).status).toBe(200)
      await door.db.updateTable('learners').set({ is_disabled: true }).where('user_id', '=', 10).execute()
      expect((await door.ask(token)).status).toBe(403)
    })

    test('a token that was never given out is unknown, in another case too', async () => {
      const token = await giveOut(5)
      for (const wrong of ['nobodys', token.toUpperCase(), `${token}x`, "' or 1=1 -- ".trim().replaceAll(' ', '')]) {
        expect(await door.ask(wrong), wrong).toMatchObject({ status: 401, json: unknown })
      }
      expect((await door.ask('nobodys')).headers['www-authenticate']).toBe('JWT realm="api"')
    })

    test.for(['2001-01-01 00:00:00.000000', '0000-00-00 00:00:00.000000'])(
      'a token until %s is over',
      async (expires) => {
        expect(await door.ask(await giveOut(5, { expires }))).toMatchObject({ status: 401, json: expired })
      },
    )

    test.for([[null], [999_999]])('a token of the account %j has no holder', async ([userId = null]) => {
      expect(await door.ask(await giveOut(userId))).toMatchObject({ status: 401, json: { error_code: 'token_error' } })
    })

    test('a username that belongs to another id proves nothing', async () => {
      await addLearner(door.db, { username: 'late_id', user_id: 77, is_id_of_lms: true })
      expect((await door.ask(await giveOut(2_147_483_000))).status).toBe(401)
    })

    test('a JWT is looked at as ever, and `JWT` takes no opaque token', async () => {
      const jwt = await signToken({ preferred_username: 'carol' })
      expect((await door.ask(jwt)).status).toBe(200)
      expect(await door.ask(`${jwt}x`)).toMatchObject({ status: 401, json: { error_code: 'token_malformed' } })
      expect(await door.ask(await giveOut(5), '/enrollment', 'JWT')).toMatchObject({
        status: 401,
        json: { detail: 'Invalid token.' },
      })
    })
  })

  test('without LMS_DATABASE_URL an opaque token is malformed', async () => {
    await using door = await open(undefined)
    expect(await door.ask(await giveOut(5))).toMatchObject({ status: 401, json: { error_code: 'token_malformed' } })
  })

  test('an older LMS has no checksums: the token itself is looked for, and its case counts', async () => {
    const old = await mariadb.createDatabase('older')
    await mariadb.run('older', OLD_TOKENS)
    await using door = await open(old)
    const token = await giveOut(5, { table: 'older', token: 'OldToken' })
    expect((await door.ask(token)).status).toBe(200)
    expect(await door.ask('oldtoken')).toMatchObject({ status: 401, json: unknown })
  })

  test('a token is believed for 30 seconds after it was looked up, and no longer', async () => {
    let now = 0
    await using door = await open(url, () => now)
    const token = await giveOut(5)
    expect((await door.ask(token)).status).toBe(200)
    await mariadb.run('lms', `delete from oauth2_provider_accesstoken where token = '${token}'`)
    now = 29_999
    expect((await door.ask(token)).status).toBe(200)
    now = 30_000
    expect((await door.ask(token)).status).toBe(401)
  })

  test('a thousand requests at once with as many tokens have their answers, over two connections', async () => {
    await using door = await open(url)
    // The account is there: how many may make it at once is another matter.
    await door.ask(await giveOut(5))
    const token = await giveOut(5)
    const before = await mariadb.rows<{ Value: string }>('lms', `show status like 'Connections'`)
    const asked: ReturnType<Door['ask']>[] = []
    for (let index = 0; index < 1_000; index += 1) {
      asked.push(door.ask(index % 2 === 0 ? token : `guess${index}`))
      // As from sockets: were all of them taken in one go, a slow machine would not look for what the LMS answers in time.
      if (index % 50 === 49) await setImmediate()
    }
    const answers = await Promise.all(asked)
    const after = await mariadb.rows<{ Value: string }>('lms', `show status like 'Connections'`)
    const counts = Object.groupBy(answers, ({ status }) => status)
    expect({ known: counts[200]?.length, unknown: counts[401]?.length }).toEqual({ known: 500, unknown: 500 })
    expect(Number(after[0]?.Value) - Number(before[0]?.Value)).toBeLessThanOrEqual(3)
  })

  test('whoever guesses is slowed down; whoever comes with an expired token is not', async () => {
    await using door = await open(url, undefined, { RATE_LIMITS: 'on' })
    const over = await giveOut(5, { expires: '2001-01-01 00:00:00.000000' })
    const timeOf = async (tokens: string[]) => {
      const began = performance.now()
      for (const token of tokens) await door.ask(token)
      return performance.now() - began
    }
    await timeOf(Array.from({ length: 40 }, () => over))
    await timeOf(Array.from({ length: 20 }, (_, index) => `guess${index}`))
    expect(await timeOf(Array.from({ length: 5 }, (_, index) => `more${index}`))).toBeGreaterThan(1_500)
    // Each would have to wait for a second; one of a few may take long for other reasons.
    const times = [await timeOf([over]), await timeOf([over]), await timeOf([over])]
    expect(Math.min(...times)).toBeLessThan(1_000)
  })

  describe('while the database of the LMS', () => {
    const unavailable = { status: 503, headers: { 'retry-after': '1' } }

    test('is away, opaque tokens are answered with 503 and everything else as ever; back, they are known again', async () => {
      await using door = await open(url)
      const token = await giveOut(5)
      expect((await door.ask(token)).status).toBe(200)
      await mariadb.kill()
      const away = [await door.ask('another'), await door.ask(await signToken({ preferred_username: 'carol' }))]
      await mariadb.start()
      expect(away).toMatchObject([unavailable, { status: 200 }])
      const next = await giveOut(6)
      await eventually(async () => expect((await door.ask(next)).status).toBe(200), 100)
      expect(door.log.filter((line) => line.includes('cannot be looked up'))).toHaveLength(1)
    })

    test('was started again between two requests, nobody notices', async () => {
      await using door = await open(url)
      expect((await door.ask(await giveOut(5))).status).toBe(200)
      await mariadb.kill()
      await mariadb.start()
      expect((await door.ask(await giveOut(6))).status).toBe(200)
    })

    test('is silent, opaque tokens are answered with 503 within seconds, and others do not wait', async () => {
      await using proxy = await openSilentProxy(url)
      await using door = await open(proxy.url)
      const known = await giveOut(5)
      expect((await door.ask(known)).status).toBe(200)
      proxy.silence()
      const began = performance.now()
      let isAnswered = false
      const waiting = Promise.all(['one', 'two', 'three'].map((token) => door.ask(token))).finally(() => {
        isAnswered = true
      })
      expect((await door.ask(known)).status).toBe(200)
      expect((await door.ask(await signToken({ preferred_username: 'carol' }))).status).toBe(200)
      expect(isAnswered).toBe(false)
      for (const answer of await waiting) expect(answer).toMatchObject(unavailable)
      expect(performance.now() - began).toBeLessThan(60_000)
      // Whoever comes right after it does not wait again; on a machine that stood still one of them may come too late for that.
      const times: number[] = []
      for (const token of ['four', 'five', 'six']) {
        const again = performance.now()
        expect(await door.ask(token)).toMatchObject(unavailable)
        times.push(performance.now() - again)
      }
      expect(Math.min(...times)).toBeLessThan(1_000)
      proxy.resume()
      const next = await giveOut(6)
      await eventually(async () => expect((await door.ask(next)).status).toBe(200), 100)
    })

    test('lacks the table, it is as if it were away', async () => {
      await using door = await open(await mariadb.createDatabase('bare', 'empty'))
      expect(await door.ask('token')).toMatchObject(unavailable)
    })
  })
})
