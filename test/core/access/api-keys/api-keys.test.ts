import { createHash } from 'node:crypto'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { apiKeyCheck, KEY_LIFE_MS, UNKNOWN_KEY_LIFE_MS } from '../../../../core/access/api-keys/check.ts'
import {
  apiKeyName,
  ApiKeyNameTaken,
  createApiKey,
  listApiKeys,
  revokeApiKey,
} from '../../../../core/access/api-keys/api-keys.ts'
import { counting } from '../../../support/counting.ts'
import { createTestDatabase } from '../../../support/database.ts'

const NOW = new Date('2026-03-04T05:06:07.890Z')

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())
beforeEach(async () => void (await db.deleteFrom('api_keys').execute()))

describe('keys', () => {
  test('each is new, and long enough that nobody finds it by trying', async () => {
    const first = await createApiKey(db, 'first')
    const second = await createApiKey(db, 'second')
    expect(Buffer.from(first.key, 'base64url')).toHaveLength(32)
    expect(second.key).not.toBe(first.key)
  })

  test('only their hash is stored', async () => {
    const { key } = await createApiKey(db, 'enterprise')
    const row = await db.selectFrom('api_keys').selectAll().executeTakeFirstOrThrow()
    expect(row.key_sha256).toEqual(createHash('sha256').update(key).digest())
    expect(JSON.stringify(row)).not.toContain(key)
  })

  test('a name is given once, even after its key was revoked', async () => {
    await createApiKey(db, 'enterprise')
    await expect(createApiKey(db, 'enterprise')).rejects.toThrow(ApiKeyNameTaken)
    await revokeApiKey(db, 'enterprise', NOW)
    await expect(createApiKey(db, 'enterprise')).rejects.toThrow("There is an API key named 'enterprise' already")
  })

  test('they are listed in the order in which they were made, and never shown', async () => {
    const { key, created } = await createApiKey(db, 'older')
    await createApiKey(db, 'newer')
    await revokeApiKey(db, 'older', NOW)
    const listed = await listApiKeys(db)
    expect(listed).toEqual([
      { name: 'older', created, revoked: '2026-03-04T05:06:07.890000Z' },
      { name: 'newer', created: expect.stringMatching(/^\d{4}-.*Z$/), revoked: null },
    ])
    expect(JSON.stringify(listed)).not.toContain(key)
  })

  test('a key that was revoked stays as it was', async () => {
    await createApiKey(db, 'enterprise')
    const revoked = await revokeApiKey(db, 'enterprise', NOW)
    expect(await revokeApiKey(db, 'enterprise', new Date('2027-01-01T00:00:00Z'))).toEqual(revoked)
    expect(await revokeApiKey(db, 'unknown', NOW)).toBeNull()
  })

  test.each(['', ' name', 'name\n', 'a\0b', '\uD800', 'x'.repeat(256)])('%j is no name', (name) => {
    expect(apiKeyName.safeParse(name).success).toBe(false)
  })

  test.each(['enterprise', 'Schlüssel für Ändere', 'x'.repeat(255)])('%j is a name', async (name) => {
    expect(apiKeyName.parse(name)).toBe(name)
    expect(await createApiKey(db, name)).toMatchObject({ name })
  })
})

describe('the check', () => {
  test('knows the keys of the deployment and of the database, and no other text', async () => {
    const { key } = await createApiKey(db, 'enterprise')
    const isApiKey = apiKeyCheck(db, ['configured', 'another'])
    const opens = ['configured', 'another', key]
    const digest = createHash('sha256').update(key).digest()
    const others = [
      undefined,
      '',
      'Configured',
      'configured ',
      'enterprise',
      `${key}x`,
      key.slice(1),
      digest.toString('hex'),
    ]
    for (const presented of opens) expect(await isApiKey(presented), presented).toBe(true)
    for (const presented of others) expect(await isApiKey(presented), presented).toBe(false)
  })

  test('without keys none fits', async () => {
    const isApiKey = apiKeyCheck(db, [])
    expect(await isApiKey('')).toBe(false)
    expect(await isApiKey('anything')).toBe(false)
  })

  test('a request with a key pays no query', async () => {
    const counted = counting(db)
    const { key } = await createApiKey(db, 'enterprise')
    const isApiKey = apiKeyCheck(counted.db, ['configured'], () => 0)
    for (let i = 0; i < 20; i += 1) expect(await isApiKey('configured')).toBe(true)
    expect(counted.statements()).toBe(0)
    for (let i = 0; i < 20; i += 1) expect(await isApiKey(key)).toBe(true)
    expect(counted.statements()).toBe(1)
    await Promise.all(Array.from({ length: 20 }, () => isApiKey('wrong')))
    expect(counted.statements()).toBe(1)
  })

  test('a key that is revoked opens no longer than the stated time', async () => {
    let now = 0
    const { key } = await createApiKey(db, 'enterprise')
    const isApiKey = apiKeyCheck(db, [], () => now)
    expect(await isApiKey(key)).toBe(true)
    await revokeApiKey(db, 'enterprise', NOW)
    now = KEY_LIFE_MS - 1
    expect(await isApiKey(key)).toBe(true)
    now = KEY_LIFE_MS
    expect(await isApiKey(key)).toBe(false)
  })

  test('a new key opens after the stated time at the latest', async () => {
    let now = 0
    const isApiKey = apiKeyCheck(db, [], () => now)
    expect(await isApiKey('unknown')).toBe(false)
    const { key } = await createApiKey(db, 'enterprise')
    now = UNKNOWN_KEY_LIFE_MS - 1
    expect(await isApiKey(key)).toBe(false)
    now = UNKNOWN_KEY_LIFE_MS
    expect(await isApiKey(key)).toBe(true)
  })
})
