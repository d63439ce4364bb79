import { createHash, timingSafeEqual } from 'node:crypto'

/**
 * Finds out who presents a token in `Authorization: Bearer <token>`. Digests are compared, whose equal length and
 * constant time tell nothing about the secrets.
 *
 * @param names of the callers, by their secret.
 * @returns a function from the header's value to the caller's name, or undefined for a stranger.
 */
export function callersByToken(
  names: ReadonlyMap<string, string>,
): (authorization: string | undefined) => string | undefined {
  const callers = [...names].map(([secret, name]) => ({ digest: sha256(secret), name }))
  return (authorization) => {
    const token = /^Bearer +(\S.*)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return undefined
    const digest = sha256(token)
    return callers.filter((caller) => timingSafeEqual(caller.digest, digest)).at(0)?.name
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
