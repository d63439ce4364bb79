import type { JWTPayload } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KEY, openDoor, signToken, type Answered, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner } from '../../../support/seed.ts'

let door: Door
beforeAll(async () => void (door = await openDoor()))
afterAll(() => door[Symbol.asyncDispose]())

const withToken = (authorization: string, headers = {}): Promise<Answered> =>
  door.anonymous.get('/enrollment', { authorization, ...headers })

const unauthorized = (json: object) => ({ status: 401, json, headers: { 'www-authenticate': 'JWT realm="api"' } })

describe('tokens', () => {
  test.for(['HS256', 'HS384', 'HS512'])('%s is believed, as JWT and as Bearer, in any letters', async (alg) => {
    const token = await signToken({ preferred_username: 'carol' }, { alg })
    for (const scheme of ['JWT', 'Bearer', 'jwt', 'BEARER', 'JWT ']) {
      expect(await withToken(`${scheme} ${token}`), scheme).toMatchObject({ status: 200, text: '[]' })
    }
  })

  const wrong: [how: string, make: () => Promise<string>][] = [
    ['signed with another secret', () => signToken({ preferred_username: 'carol' }, { secret: 'x'.repeat(32) })],
    ['without a signature', async () => unsigned({ preferred_username: 'carol' })],
    ['that is none', async () => 'garbage'],
    ['cut off', async () => (await signToken({ preferred_username: 'carol' })).slice(0, -2)],
    ['whose payload was changed', async () => tampered(await signToken({ preferred_username: 'carol' }))],
    ['that is not valid yet', () => signToken({ preferred_username: 'carol', nbf: 4_102_444_800 })],
    ['whose exp is no number', () => signToken({ preferred_username: 'carol', exp: 'never' as never })],
  ]
  test.for(wrong)('a token %s is refused', async ([, make]) => {
    const token = await make()
    expect(await withToken(`JWT ${token}`)).toMatchObject(unauthorized({ detail: 'Invalid token.' }))
    const body = { error_code: 'token_malformed', developer_message: 'Invalid token.' }
    expect(await withToken(`Bearer ${token}`)).toMatchObject(unauthorized(body))
  })

  test('an expired token is refused, also beside a good key', async () => {
    const token = await signToken({ preferred_username: 'carol', exp: 1 })
    expect(await withToken(`JWT ${token}`, KEY)).toMatchObject(unauthorized({ detail: 'Token has expired.' }))
  })

  test.for(['JWT', 'JWT a b', 'Bearer', 'Bearer a b'])('%s is no token', async (header) => {
    expect((await withToken(header)).status).toBe(401)
    expect((await withToken(header, KEY)).status).toBe(401)
  })

  test('a good token with more behind it is none', async () => {
    const token = await signToken({ preferred_username: 'carol' })
    for (const scheme of ['JWT', 'Bearer']) expect((await withToken(`${scheme} ${token} x`)).status).toBe(401)
  })

  test.for(['Basic Ym9iOmJvYg==', 'Token abc', 'constructor x', '__proto__ x', ''])(
    'another scheme counts as nothing: %s',
    async (header) => {
      const detail = 'Authentication credentials were not provided.'
      expect(await withToken(header)).toMatchObject(unauthorized({ detail }))
      expect((await withToken(header, KEY)).status).toBe(200)
    },
  )

  test.for([
    [{}, 'JWT must include a preferred_username or username claim!'],
    [{ preferred_username: null }, 'JWT must include a preferred_username or username claim!'],
    [{ preferred_username: '' }, 'User retrieval failed.'],
    [{ preferred_username: 7 }, 'User retrieval failed.'],
    [{ preferred_username: 'a\0b' }, 'User retrieval failed.'],
    [{ preferred_username: 'x'.repeat(151) }, 'User retrieval failed.'],
    // rest-v1 D22
    [{ preferred_username: ' bob' }, 'User retrieval failed.'],
    [{ preferred_username: 'bob\u00a0' }, 'User retrieval failed.'],
    [{ preferred_username: 'b\tob' }, 'User retrieval failed.'],
    [{ preferred_username: 'bob\n' }, 'User retrieval failed.'],
    [{ preferred_username: 'b\u007fob' }, 'User retrieval failed.'],
    [{ preferred_username: 'b\u0085ob' }, 'User retrieval failed.'],
    [{ preferred_username: 'b\u200bob' }, 'User retrieval failed.'],
    [{ preferred_username: 'bob\u200d' }, 'User retrieval failed.'],
    [{ preferred_username: '\ufeffbob' }, 'User retrieval failed.'],
    [{ preferred_username: 'b\u00adob' }, 'User retrieval failed.'],
    [{ preferred_username: 'b\u202eob' }, 'User retrieval failed.'],
    [{ preferred_username: 'bob\u2060' }, 'User retrieval failed.'],
  ] as const)('a username that no account can have: %j', async ([claims, detail]) => {
    expect(await withToken(`JWT ${await signToken(claims)}`)).toMatchObject(unauthorized({ detail }))
  })
})

describe('issuer and audience', () => {
  let strict: Door
  beforeAll(async () => {
    strict = await openDoor({ env: { JWT_ISSUER: 'https://lms.example', JWT_AUDIENCE: 'openedx' } })
  })
  afterAll(() => strict[Symbol.asyncDispose]())

  test.for([
    [{ iss: 'https://lms.example', aud: 'openedx' }, 200],
    [{ iss: 'https://lms.example', aud: ['other', 'openedx'] }, 200],
    [{ iss: 'https://evil.example', aud: 'openedx' }, 401],
    [{ iss: 'https://lms.example', aud: 'other' }, 401],
    [{ iss: 'https://lms.example' }, 401],
    [{}, 401],
  ] as const)('when set, %j gives %s', async ([claims, status]) => {
    const authorization = `JWT ${await signToken({ preferred_username: 'carol', ...(claims as JWTPayload) })}`
    expect((await strict.anonymous.get('/enrollment', { authorization })).status).toBe(status)
  })

  test('when unset, they are not looked at', async () => {
    const authorization = `JWT ${await signToken({ preferred_username: 'carol', iss: 'x', aud: 'y' })}`
    expect((await withToken(authorization)).status).toBe(200)
  })
})

describe('accounts made from tokens', () => {
  const account = (username: string) =>
    door.db
      .selectFrom('learners')
      .select(['username', 'email', 'name', 'is_staff', 'is_active'])
      .where('username', '=', username)
      .executeTakeFirst()

  test('a valid token for an unknown username makes the account', async () => {
    await door.as({ username: 'dave' }, { email: 'Dave@Example.com', name: 'Dave' }).get('/enrollment')
    expect(await account('dave')).toEqual({
      username: 'dave',
      email: 'Dave@Example.com',
      name: 'Dave',
      is_staff: false,
      is_active: true,
    })
  })

  test('a hundred requests at once make one account, and all are answered', async () => {
    const client = door.as({ username: 'erin' }, { email: 'erin@example.com' })
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.get('/enrollment')))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(await account('erin')).toMatchObject({ email: 'erin@example.com' })
  })

  test.for([
    [{ email: 'frank@example.com', email_verified: true }, 'frank@example.com'],
    [{ email: 'frank@example.com', email_verified: false }, null],
    // rest-v1 D22
    [{ email: 'frank@example.com', email_verified: 'true' }, null],
    [{ email: 'frank@example.com', email_verified: 1 }, null],
    [{ email: 'frank@example.com', email_verified: null }, null],
    [{ email: 'nonsense' }, null],
    [{ email: 7 }, null],
    [{ email: `${'x'.repeat(250)}@example.com` }, null],
    [{ email: 'a\0@example.com' }, null],
    [{ name: 7 }, null],
    [{}, null],
  ] as const)('the claims %j give the e-mail address %s', async ([claims, email]) => {
    const username = `frank-${JSON.stringify(claims).replaceAll(/\W/g, '').slice(0, 60)}`
    await door.as({ username }, { ...claims }).get('/enrollment')
    expect(await account(username)).toMatchObject({ email })
    await door.db.updateTable('learners').set({ email: null }).where('username', '=', username).execute()
  })

  test('an e-mail address of another account is left to it, and the log says so', async () => {
    const { email } = await addLearner(door.db)
    await door.as({ username: 'gina' }, { email }).get('/enrollment')
    expect(await account('gina')).toMatchObject({ email: null })
    expect(door.log).toContain('the account has no e-mail address: that of its token belongs to another')
  })

  test('a refused token makes no account', async () => {
    await withToken(`JWT ${await signToken({ preferred_username: 'henry' }, { secret: 'x'.repeat(32) })}`)
    expect(await account('henry')).toBeUndefined()
  })

  test('staff of a token is staff for the request, and the account stays what it was', async () => {
    const course = await addCourse(door.db)
    const bob = await addLearner(door.db)
    const path = `/enrollment/${bob.username},${course}`
    expect((await door.as({ username: 'iris' }, { administrator: true }).get(path)).status).toBe(200)
    expect((await door.as({ username: 'iris' }, { administrator: 'yes', superuser: true }).get(path)).status).toBe(404)
    expect((await door.as({ username: 'iris' }).get(path)).status).toBe(404)
    expect(await account('iris')).toMatchObject({ is_staff: false })
  })

  test('an inactive account may come in', async () => {
    const learner = await addLearner(door.db, { is_active: false })
    expect((await door.as(learner).get('/enrollment')).status).toBe(200)
  })
})

describe('the API key', () => {
  let keys: Door
  beforeAll(async () => void (keys = await openDoor()))
  afterAll(() => keys[Symbol.asyncDispose]())

  test('the configured key lets in, in a header of any letters', async () => {
    expect((await keys.server.get('/enrollment')).status).toBe(200)
    expect((await keys.with({ 'X-EDX-API-KEY': 'api-key' }).get('/enrollment')).status).toBe(200)
  })

  test.for(['', 'wrong', 'api-key2', 'api-ke', 'API-KEY', 'api-key,api-key'])('%o does not', async (key) => {
    expect((await keys.with({ 'x-edx-api-key': key }).get('/enrollment')).status).toBe(401)
  })

  test('a wrong key is no error by itself: the account decides', async () => {
    const answer = await keys.as({ username: 'carol' }).get('/enrollment', { 'x-edx-api-key': 'wrong' })
    expect(answer.status).toBe(200)
  })

  test('each use leaves a line', async () => {
    await keys.server.get('/enrollment?user=secret')
    const path = '/api/enrollment/v1/enrollment'
    expect(keys.log.at(-1)).toBe(`ApiKeyHeaderPermission used: ip="127.0.0.1", path="${path}"`)
  })
})

function unsigned(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part(claims)}.`
}

function tampered(token: string): string {
  const [header, , signature] = token.split('.')
  return `${header}.${Buffer.from('{"preferred_username":"root"}').toString('base64url')}.${signature}`
}
