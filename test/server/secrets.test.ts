import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { secretBox } from '../../core/webhook/secret.ts'
import { readConfig } from '../../server/config.ts'
import { developmentSecretFile, developmentSecrets, resolveSecrets } from '../../server/secrets.ts'

test('development secrets are made once and stay', async () => {
  const dataDir = await freshDirectory()
  const first = await developmentSecrets(dataDir)
  expect(await developmentSecrets(dataDir)).toEqual(first)
  expect([...first.internalTokens.values()]).toEqual(['development'])
  const all = [...first.internalTokens.keys(), first.edxApiKey, first.jwtSecret]
  expect(new Set(all).size).toBe(3)
  for (const secret of all) expect(secret).toMatch(/^[\w-]{43}$/)
})

test('another directory has other secrets', async () => {
  const [one, other] = [
    await developmentSecrets(await freshDirectory()),
    await developmentSecrets(await freshDirectory()),
  ]
  expect(one.jwtSecret).not.toBe(other.jwtSecret)
})

test('of several that start at once, all get the same', async () => {
  const dataDir = await freshDirectory()
  const all = await Promise.all(Array.from({ length: 20 }, () => developmentSecrets(dataDir)))
  expect(new Set(all.map(({ jwtSecret }) => jwtSecret)).size).toBe(1)
  expect(new Set(all.map(({ edxApiKey }) => edxApiKey)).size).toBe(1)
  expect(await readdir(join(dataDir, 'secrets'))).toHaveLength(4)
})

test.skipIf(process.platform === 'win32')('nobody else can read them', async () => {
  const dataDir = join(await freshDirectory(), 'new')
  await developmentSecrets(dataDir)
  const file = developmentSecretFile(dataDir, 'jwt-secret')
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700)
  expect((await stat(join(dataDir, 'secrets'))).mode & 0o777).toBe(0o700)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
})

test('what is given is used, and what is not given is generated', async () => {
  const dataDir = await freshDirectory()
  const development = await developmentSecrets(dataDir)
  const given = await resolveSecrets(readConfig({ DATA_DIR: dataDir, EDX_API_KEY: 'mine' }))
  expect(given).toEqual({
    internalTokens: development.internalTokens,
    edxApiKeys: ['mine'],
    jwt: { secret: development.jwtSecret },
    webhookKeys: [development.webhookKey],
  })
})

test('a key set stands in for the generated JWT secret', async () => {
  const env = { DATA_DIR: await freshDirectory(), JWT_JWKS_URL: 'https://keys.example.org/jwks' }
  const { jwt } = await resolveSecrets(readConfig(env))
  expect(jwt.secret).toBeUndefined()
  expect(jwt.jwksUrl).toBe('https://keys.example.org/jwks')
})

test('beside a DATABASE_URL nothing is generated', async () => {
  const dataDir = await freshDirectory()
  const secrets = await resolveSecrets(readConfig({ DATA_DIR: dataDir, DATABASE_URL: 'postgresql://localhost/x' }))
  expect(secrets).toEqual({ internalTokens: new Map(), edxApiKeys: [], jwt: {}, webhookKeys: [] })
  expect(await readdir(dataDir)).toEqual([])
})

test('beside a DATABASE_URL the secrets of webhooks are encrypted with the tokens where they have no key, and read with both', async () => {
  const env = { DATABASE_URL: 'postgresql://localhost/x', INTERNAL_TOKENS: 'ops:0123456789abcdef' }
  const { webhookKeys: before = [] } = await resolveSecrets(readConfig(env))
  const { webhookKeys: after = [] } = await resolveSecrets(
    readConfig({ ...env, WEBHOOK_SECRET_KEY: 'fedcba9876543210' }),
  )
  const secret = randomBytes(32)
  const sealed = secretBox(before).seal('1', secret)
  expect(after[0]).toBe('fedcba9876543210')
  expect(secretBox(after).open('1', sealed)).toEqual(secret)
  expect(() => secretBox(['fedcba9876543210']).open('1', sealed)).toThrow('cannot be read')
})

function freshDirectory(): Promise<string> {
  return mkdtemp(join(inject('scratch'), 'secrets-'))
}
