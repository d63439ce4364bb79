import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** The secret of an endpoint: what its messages are signed with. */
export type WebhookSecret = Buffer

/** Encrypts secrets of endpoints for the database, so that what is in it, or in a dump of it, gives none away (decision 23). */
export interface SecretBox {
  /** @param webhookId the endpoint: what is encrypted for one cannot be read for another. */
  seal(webhookId: string, secret: WebhookSecret): Buffer
  /** @throws {SecretUnreadable} */
  open(webhookId: string, sealed: Buffer): WebhookSecret
}

/** A secret was encrypted with another key than those that are set. */
export class SecretUnreadable extends Error {
  override readonly name = 'SecretUnreadable'
}

/**
 * Makes the box of some keys: the first encrypts, and each of them decrypts, so that a key can be replaced.
 *
 * @param keys of any length, at least one.
 */
export function secretBox(keys: readonly string[]): SecretBox {
  const derived = keys.map((key) => Buffer.from(hkdfSync('sha256', key, '', 'webhook secrets', 32)))
  return {
    seal(webhookId, secret) {
      const [key] = derived
      if (key === undefined) throw new TypeError('There is no key to encrypt with')
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(webhookId))
      return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()])
    },
    open(webhookId, sealed) {
      for (const key of derived) {
        const secret = decrypted(key, webhookId, sealed)
        if (secret !== null) return secret
      }
      throw new SecretUnreadable(
        'The secret of the endpoint cannot be read: the key that it was encrypted with is not set',
      )
    },
  }
}

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Null: it was encrypted with another key. */
function decrypted(key: Buffer, webhookId: string, sealed: Buffer): WebhookSecret | null {
  const tagStart = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES))
    .setAAD(Buffer.from(webhookId))
    .setAuthTag(sealed.subarray(tagStart))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, tagStart)), decipher.final()])
  } catch {
    return null
  }
}

/** A new secret of 32 bytes. */
export function newSecret(): WebhookSecret {
  return randomBytes(32)
}

/** A secret as whoever verifies with it is given it: `whsec_` and base64 (Standard Webhooks 1.0). */
export function secretText(secret: WebhookSecret): string {
  return `whsec_${secret.toString('base64')}`
}
