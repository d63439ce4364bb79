// slow: starts many processes
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KEY_LIFE_MS } from '../../../core/access/api-keys/check.ts'
import { cli } from '../../support/cli.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { buildTestApp } from '../../support/server.ts'

let database: TestDatabase
let env: Record<string, string>

beforeAll(async () => {
  database = await createTestDatabase()
  env = { DATABASE_URL: database.connectionString }
})
afterAll(() => database[Symbol.asyncDispose]())

const INSTANT = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/

describe('api-key', () => {
  test('a key opens the API of a server that is running, until it is revoked', async () => {
    const app = buildTestApp({ db: database.db })
    const statusWith = async (key: string) => {
      const headers = { 'x-edx-api-key': key }
      return (await app.inject({ url: '/api/enrollment/v1/enrollment', headers })).statusCode
    }
    const created = await cli(['api-key', 'create', 'enterprise'], env)
    expect(created).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^[\w-]{43}\n$/),
      stderr: "This is the API key 'enterprise'. Keep it now: it cannot be shown again.\n",
    })
    const key = created.stdout.trim()
    expect(await statusWith(key)).toBe(200)
    expect(await statusWith(`${key}x`)).toBe(401)

    expect(await cli(['api-key', 'revoke', 'enterprise'], env)).toEqual({
      code: 0,
      stdout: "The API key 'enterprise' opens nothing any more.\n",
      stderr: '',
    })
    await sleep(KEY_LIFE_MS)
    expect(await statusWith(key)).toBe(401)
    await app.close()
  })

  test('as JSON: made, listed without its secret, revoked', async () => {
    const { stdout } = await cli(['api-key', 'create', 'reports', '--json'], env)
    const { key, ...shown } = JSON.parse(stdout)
    expect(shown).toEqual({ name: 'reports', created: expect.stringMatching(INSTANT) })
    const listed = await cli(['api-key', 'list', '--json'], env)
    expect(JSON.parse(listed.stdout).apiKeys).toContainEqual({ ...shown, revoked: null })
    expect(listed.stdout).not.toContain(key)
    const revoked = await cli(['api-key', 'revoke', 'reports', '--json'], env)
    expect(JSON.parse(revoked.stdout)).toEqual({ ...shown, revoked: expect.stringMatching(INSTANT) })
  })

  test('the list is for people to read', async () => {
    await using other = await createTestDatabase()
    const there = { DATABASE_URL: other.connectionString }
    expect((await cli(['api-key', 'list'], there)).stdout).toBe('There are no API keys.\n')
    await other.db
      .insertInto('api_keys')
      .values([
        { name: 'a', key_sha256: Buffer.alloc(32, 1), created: '2026-01-02T03:04:05Z' },
        {
          name: 'enterprise',
          key_sha256: Buffer.alloc(32, 2),
          created: '2026-02-02T03:04:05Z',
          revoked: '2026-03-02T03:04:05Z',
        },
      ])
      .execute()
    expect((await cli(['api-key', 'list'], there)).stdout).toBe(
      `a           created 2026-01-02T03:04:05Z
enterprise  created 2026-02-02T03:04:05Z, revoked 2026-03-02T03:04:05Z
`,
    )
  })

  test('what cannot be done ends with 2, and says why', async () => {
    await cli(['api-key', 'create', 'taken'], env)
    const words = {
      'create taken': "There is an API key named 'taken' already: choose another name.\n",
      'revoke unknown': "There is no API key named 'unknown'.\n",
      'create  ': 'The name of a key has 1 to 255 characters, and no blanks around them.\n',
    }
    for (const [args, stderr] of Object.entries(words)) {
      expect(await cli(['api-key', ...args.split(/ (.*)/s, 2)], env)).toEqual({ code: 2, stdout: '', stderr })
    }
  })

  test.each([['create'], ['list'], ['revoke']])('%s has a help, without settings', async (name) => {
    const { code, stdout } = await cli(['api-key', name, '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('--json')
  })

  test('alone it shows what there is', async () => {
    const { code, stderr } = await cli(['api-key'])
    expect(code).toBe(2)
    for (const name of ['create', 'list', 'revoke']) expect(stderr).toContain(name)
  })
})
