import { createHash, timingSafeEqual } from 'node:crypto'

/** Whether the value of `X-Edx-Api-Key` is an accepted key. */
export type ApiKeyCheck = (presented: string | undefined) => boolean

/**
 * Compares a key with all that are accepted. Digests are compared, whose equal length and constant time tell nothing
 * about the keys; without accepted keys none ever fits (rest-v1 §2.1, D16).
 */
export function apiKeyCheck(accepted: readonly string[]): ApiKeyCheck {
  const digests = accepted.map(sha256)
  return (presented) => {
    if (presented === undefined || presented === '') return false
    const digest = sha256(presented)
    return digests.filter((candidate) => timingSafeEqual(candidate, digest)).length > 0
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
