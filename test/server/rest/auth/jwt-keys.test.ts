import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exportJWK, exportSPKI, importJWK, SignJWT } from 'jose'
import { afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { ConfigError, readConfig } from '../../../../server/config.ts'
import { InvalidToken, jwtVerifier } from '../../../../server/rest/auth/jwt.ts'
import { KeysUnavailable } from '../../../../server/rest/auth/remote-keys.ts'
import { resolveSecrets } from '../../../../server/secrets.ts'
import { makeSigner, openKeyServer, type Signer } from '../../../support/key-server.ts'
import { KEY, openDoor, signToken } from '../../../support/rest.ts'

const BOB = { preferred_username: 'bob' }
let rsa: Signer
let other: Signer
beforeAll(async () => {
  rsa = await makeSigner('RS512', 'rsa-1')
  other = await makeSigner('RS512', 'rsa-2')
})
afterEach(() => void vi.useRealTimers())

/** Verifies at the present moment; the outcome in a word. */
function outcomes(verify: ReturnType<typeof jwtVerifier>) {
  return async (token: string): Promise<string> => {
    try {
      return (await verify(token, new Date())).username
    } catch (error) {
      if (error instanceof KeysUnavailable) return 'unavailable'
      if (error instanceof InvalidToken) return 'invalid'
      throw error
    }
  }
}

/** Only the clock, which stands still then: the key server is asked in real time. */
function pass(milliseconds: number): void {
  const now = Date.now()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(now + milliseconds)
}

describe('a set of public keys', () => {
  test.for(['RS256', 'RS512', 'ES256'])('%s is believed by the key that it names', async (alg) => {
    const signer = await makeSigner(alg, 'mine')
    const verify = outcomes(jwtVerifier({ publicKeys: { keys: [rsa.publicKey, signer.publicKey] } }))
    expect(await verify(await signer.sign(BOB))).toBe('bob')
    expect(await verify(await other.sign(BOB))).toBe('invalid')
  })

  test('without names every key that fits is tried', async () => {
    const [one, two, three] = await Promise.all([makeSigner('RS256'), makeSigner('RS256'), makeSigner('RS256')])
    const verify = outcomes(jwtVerifier({ publicKeys: { keys: [one.publicKey, two.publicKey] } }))
    expect(await verify(await one.sign(BOB))).toBe('bob')
    expect(await verify(await two.sign(BOB))).toBe('bob')
    expect(await verify(await three.sign(BOB))).toBe('invalid')
  })

  test.for(['RS384', 'PS256', 'ES384', 'EdDSA'])('%s is none of the algorithms', async (alg) => {
    const signer = await makeSigner(alg, 'mine')
    const verify = outcomes(jwtVerifier({ publicKeys: { keys: [signer.publicKey] } }))
    expect(await verify(await signer.sign(BOB))).toBe('invalid')
  })

  test('a public key is no secret, in whatever form', async () => {
    const spki = await exportSPKI((await importJWK({ ...rsa.publicKey, ext: true }, 'RS512')) as CryptoKey)
    const verify = outcomes(jwtVerifier({ secret: 'x'.repeat(32), publicKeys: { keys: [rsa.publicKey] } }))
    for (const secret of [spki, spki.trim(), JSON.stringify(rsa.publicKey), String(rsa.publicKey.n)]) {
      const token = new SignJWT(BOB).setProtectedHeader({ alg: 'HS256', kid: 'rsa-1' })
      expect(await verify(await token.sign(Buffer.from(secret)))).toBe('invalid')
    }
  })

  test.for(['none', 'None', 'NONE', '', 'constructor'])('the algorithm %o is refused', async (alg) => {
    const verify = outcomes(jwtVerifier({ secret: 'x'.repeat(32), publicKeys: { keys: [rsa.publicKey] } }))
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    expect(await verify(`${part({ alg })}.${part(BOB)}.`)).toBe('invalid')
    expect(await verify(`${part({})}.${part(BOB)}.`)).toBe('invalid')
  })

  test('secret, file and key server are believed at once, and the secret alone asks nobody', async () => {
    await using server = await openKeyServer(other.publicKey)
    const secret = 'jwt-secret-of-the-tests-with-32-bytes'
    const trust = { secret, publicKeys: { keys: [rsa.publicKey] }, jwksUrl: server.url }
    const verify = outcomes(jwtVerifier(trust))
    for (const alg of ['HS256', 'HS384', 'HS512']) expect(await verify(await signToken(BOB, { alg }))).toBe('bob')
    expect(await verify(await rsa.sign(BOB))).toBe('bob')
    expect(server.asked).toBe(0)
    expect(await verify(await other.sign(BOB))).toBe('bob')
    expect(server.asked).toBe(1)
  })

  test('issuer, audience and expiry count for them too', async () => {
    const expected = { issuer: 'https://lms.example', audience: 'openedx' }
    const verify = outcomes(jwtVerifier({ publicKeys: { keys: [rsa.publicKey] }, ...expected }))
    expect(await verify(await rsa.sign({ ...BOB, iss: 'https://lms.example', aud: 'openedx' }))).toBe('bob')
    expect(await verify(await rsa.sign({ ...BOB, iss: 'https://evil.example', aud: 'openedx' }))).toBe('invalid')
    expect(await verify(await rsa.sign({ ...BOB, iss: 'https://lms.example', aud: 'openedx', exp: 1 }))).toBe('invalid')
  })
})

describe('a key server', () => {
  test('is asked once by a hundred tokens at the same time, and not again while its keys are known', async () => {
    pass(0)
    await using server = await openKeyServer(rsa.publicKey)
    const verify = outcomes(jwtVerifier({ jwksUrl: server.url }))
    const token = await rsa.sign(BOB)
    const found = await Promise.all(Array.from({ length: 100 }, () => verify(token)))
    expect(new Set(found)).toEqual(new Set(['bob']))
    expect(server.asked).toBe(1)
  })

  test('is not asked for an unknown key a moment later, and for a new one when a while is over', async () => {
    pass(0)
    await using server = await openKeyServer(rsa.publicKey)
    const verify = outcomes(jwtVerifier({ jwksUrl: server.url }))
    expect(await verify(await rsa.sign(BOB))).toBe('bob')
    server.keys = [other.publicKey]
    const token = await other.sign(BOB)
    for (let i = 0; i < 20; i += 1) expect(await verify(token)).toBe('invalid')
    expect(server.asked).toBe(1)
    pass(31_000)
    expect(await verify(token)).toBe('bob')
    expect(await verify(await rsa.sign(BOB))).toBe('invalid')
    expect(server.asked).toBe(2)
  })

  test('may go away when its keys are known, for as long as it likes', async () => {
    const server = await openKeyServer(rsa.publicKey)
    const verify = outcomes(jwtVerifier({ jwksUrl: server.url }))
    expect(await verify(await rsa.sign(BOB))).toBe('bob')
    await server[Symbol.asyncDispose]()
    expect(await verify(await rsa.sign(BOB))).toBe('bob')
    pass(24 * 3_600_000)
    expect(await verify(await rsa.sign(BOB))).toBe('bob')
    expect(await verify(await rsa.sign(BOB))).toBe('bob')
    expect(await verify(await other.sign(BOB))).toBe('unavailable')
  })

  test('takes a key back: it is not believed for ever', async () => {
    await using server = await openKeyServer(rsa.publicKey)
    const verify = outcomes(jwtVerifier({ jwksUrl: server.url }))
    const token = await rsa.sign(BOB)
    for (let i = 0; i < 2; i += 1) expect(await verify(token)).toBe('bob')
    server.keys = [other.publicKey]
    pass(601_000)
    await verify(await rsa.sign(BOB))
    await expect.poll(() => server.asked).toBe(2)
    await expect.poll(async () => verify(await rsa.sign(BOB))).toBe('invalid')
  })

  test.for([500, 404, 302])('that answers %i leaves it open, and is believed once it is well', async (status) => {
    pass(0)
    await using server = await openKeyServer(rsa.publicKey)
    server.status = status
    const verify = outcomes(jwtVerifier({ jwksUrl: server.url }))
    for (let i = 0; i < 5; i += 1) expect(await verify(await rsa.sign(BOB))).toBe('unavailable')
    expect(server.asked).toBe(1)
    server.status = 200
    pass(1_001)
    expect(await verify(await rsa.sign(BOB))).toBe('bob')
  })

  test('that was never there: 503 and not 401, and those who need it not are served', async () => {
    const server = await openKeyServer()
    await server[Symbol.asyncDispose]()
    await using door = await openDoor({ jwt: { secret: 'jwt-secret-of-the-tests-with-32-bytes', jwksUrl: server.url } })
    for (const scheme of ['JWT', 'Bearer']) {
      const authorization = `${scheme} ${await rsa.sign(BOB)}`
      const answer = await door.anonymous.get('/enrollment', { authorization })
      expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
      expect(answer.text).toBe('{"detail":"Service temporarily unavailable, try again later."}')
      expect(answer.headers).not.toHaveProperty('www-authenticate')
    }
    expect(door.log).toContain('a token could not be verified: the key server does not answer')
    expect((await door.as({ username: 'bob' }).get('/enrollment')).status).toBe(200)
    expect((await door.anonymous.get('/enrollment', KEY)).status).toBe(200)
    expect((await door.anonymous.get('/enrollment', { authorization: 'JWT garbage' })).status).toBe(401)
  })
})

describe('the file of JWT_PUBLIC_KEYS', () => {
  /** What the start says about a file with such a text. */
  async function start(text: string): Promise<string> {
    const file = join(await mkdtemp(join(inject('scratch'), 'keys-')), 'keys.json')
    await writeFile(file, text)
    const env = { DATABASE_URL: 'postgresql://localhost/x', JWT_PUBLIC_KEYS: file }
    const { jwt } = await resolveSecrets(readConfig(env))
    const verify = outcomes(jwtVerifier(jwt))
    return verify(await rsa.sign(BOB))
  }

  test('is believed', async () => {
    const ec = await makeSigner('ES256')
    expect(await start(JSON.stringify({ keys: [ec.publicKey, rsa.publicKey] }))).toBe('bob')
  })

  const nothing = 'must name a JSON Web Key Set'
  test.for([
    ['', nothing],
    ['not JSON', nothing],
    ['[]', nothing],
    ['{"keys":[]}', nothing],
    ['{"keys":[{}]}', nothing],
    ['{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}', 'holds a secret as key 1: JWT_SECRET is the place for it'],
    ['{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}', 'holds key 1 that'],
    ['{"keys":[{"kty":"EC","crv":"P-384","x":"AQ","y":"AQ"}]}', 'holds key 1 that is no key for ES256'],
    ['{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AQ"}]}', 'holds key 1 of another type than RSA and EC'],
  ] as const)('%s stops the start', async ([text, reason]) => {
    await expect(start(text)).rejects.toThrow(`JWT_PUBLIC_KEYS ${reason}`)
  })

  test('with a private key stops the start, and the key is not repeated', async () => {
    const key = { ...(await exportJWK(rsa.privateKey)), kid: 'rsa-1' }
    const error: unknown = await start(JSON.stringify({ keys: [rsa.publicKey, key] })).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    expect(String(error)).toContain('JWT_PUBLIC_KEYS holds a private key as key 2: only public keys belong there')
    expect(String(error)).not.toContain(String(key.d).slice(0, 16))
  })

  test('that is not there stops the start', async () => {
    const env = { DATABASE_URL: 'postgresql://localhost/x', JWT_PUBLIC_KEYS: join(inject('scratch'), 'nowhere.json') }
    await expect(resolveSecrets(readConfig(env))).rejects.toThrow('JWT_PUBLIC_KEYS names a file that cannot be read')
  })
})
