import { hash, randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import { instantFromDate } from '../../database/instant.ts'
import type { DB } from '../../database/schema.ts'
import { storableText } from '../../text.ts'

/** What may be shown of a key. */
export interface ApiKey {
  readonly name: string
  /** ISO 8601. */
  readonly created: string
  /** When it was revoked; null: it is valid. */
  readonly revoked: string | null
}

/** An API key has this name already, also one that was revoked: a name means one key for ever. */
export class ApiKeyNameTaken extends Error {
  override readonly name = 'ApiKeyNameTaken'
}

/** The name of a key: 1 to 255 characters, without blanks around them. */
export const apiKeyName = storableText(255).regex(/^\S(.*\S)?$/u)

/**
 * Makes an API key. What is stored is its SHA-256, so this is the only time that it can be shown (rest-v1 D16).
 *
 * @param name as {@link apiKeyName} takes it.
 * @throws {ApiKeyNameTaken}
 */
export async function createApiKey(db: Kysely<DB>, name: string): Promise<ApiKey & { readonly key: string }> {
  const key = randomBytes(32).toString('base64url')
  const row = await db
    .insertInto('api_keys')
    .values({ name, key_sha256: digestOf(key) })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning(['name', 'created', 'revoked'])
    .executeTakeFirst()
  if (row === undefined) throw new ApiKeyNameTaken(`There is an API key named '${name}' already`)
  return { ...row, key }
}

/** All keys, the oldest first, with those that were revoked. */
export async function listApiKeys(db: Kysely<DB>): Promise<ApiKey[]> {
  return db.selectFrom('api_keys').select(['name', 'created', 'revoked']).orderBy('id').execute()
}

/**
 * Revokes a key; one that was revoked before stays as it was.
 *
 * @returns the key, or null when none has the name.
 */
export async function revokeApiKey(db: Kysely<DB>, name: string, now: Date): Promise<ApiKey | null> {
  await db
    .updateTable('api_keys')
    .set({ revoked: instantFromDate(now) })
    .where('name', '=', name)
    .where('revoked', 'is', null)
    .execute()
  const row = await db
    .selectFrom('api_keys')
    .select(['name', 'created', 'revoked'])
    .where('name', '=', name)
    .executeTakeFirst()
  return row ?? null
}

/** The SHA-256 of every key that is not revoked. */
export async function readActiveDigests(db: Kysely<DB>): Promise<Buffer[]> {
  const rows = await db.selectFrom('api_keys').select('key_sha256').where('revoked', 'is', null).execute()
  return rows.map((row) => row.key_sha256)
}

/** What is stored and compared of a key: its SHA-256. */
export function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}
