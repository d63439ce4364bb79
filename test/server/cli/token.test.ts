// slow: starts many processes
import { jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli } from '../../support/cli.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { importAll } from '../../support/transfer.ts'

const SECRET = 'a secret that only tests know, and nobody else'

let database: TestDatabase
let env: Record<string, string>

beforeAll(async () => {
  database = await createTestDatabase()
  env = { DATABASE_URL: database.connectionString, JWT_SECRET: SECRET }
  await importAll(database.db, [
    { type: 'user', id: 4711, username: 'alice', email: 'alice@example.com', name: 'Alice Arden', isStaff: true },
    { type: 'user', username: 'bob', email: 'bob@example.com' },
  ])
})
afterAll(() => database[Symbol.asyncDispose]())

describe('token', () => {
  const verify = (token: string) => jwtVerify(token.trim(), new TextEncoder().encode(SECRET), { algorithms: ['HS256'] })

  test('prints only the token, with the claims of the account (run §3)', async () => {
    const ended = await cli(['token', 'alice'], {
      ...env,
      JWT_ISSUER: 'https://lms.example',
      JWT_AUDIENCE: 'enrollment',
    })
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+\n$/) })
    const { payload } = await verify(ended.stdout)
    const now = Date.now() / 1000
    expect(payload).toEqual({
      preferred_username: 'alice',
      email: 'alice@example.com',
      name: 'Alice Arden',
      administrator: true,
      superuser: false,
      user_id: 4711,
      iss: 'https://lms.example',
      aud: 'enrollment',
      iat: expect.closeTo(now, -2),
      exp: expect.closeTo(now + 3600, -2),
    })
  })

  test('--expires says how long it is valid', async () => {
    const { stdout } = await cli(['token', 'bob', '--expires', '2d', '--json'], env)
    const { token, username, expires } = JSON.parse(stdout)
    const { payload } = await verify(token)
    expect(payload).not.toHaveProperty('user_id') // An id drawn here tells the LMS nothing.
    expect(username).toBe('bob')
    expect(expires).toBe(new Date((payload.exp ?? 0) * 1000).toISOString())
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(2 * 86_400)
  })

  test('of an account that is not there yet has its name only, and says so', async () => {
    const { code, stdout, stderr } = await cli(['token', 'newcomer'], env)
    expect(code).toBe(0)
    expect(stderr).toBe("There is no account 'newcomer' yet: the first use of this token creates it.\n")
    expect((await verify(stdout)).payload).toEqual({
      preferred_username: 'newcomer',
      iat: expect.any(Number),
      exp: expect.any(Number),
    })
  })

  test('cannot be made without a secret: 2', async () => {
    const ended = await cli(['token', 'bob'], { ...env, JWT_SECRET: '' })
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain('JWT_SECRET')
  })
})
