import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { SignJWT, type JWTPayload } from 'jose'
import type { Database } from '../../core/database/open.ts'
import { createTestDatabase } from './database.ts'
import { documentCheck } from './documented.ts'
import { buildTestApp, secrets, type TestApp } from './server.ts'

export const BASE = '/api/enrollment/v1'
export const BULK_ENROLL = '/api/bulk_enroll/v1/bulk_enroll'

type Headers = Record<string, string>

/** An answer of the door, as it was sent. */
export interface Answered {
  status: number
  headers: LightMyRequestResponse['headers']
  text: string
  /** The parsed body; undefined where there is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into it as they please
  json: any
}

/** A client with fixed credentials. */
export interface RestClient {
  get(path: string, headers?: Headers): Promise<Answered>
  /** POST /enrollment with a body of JSON, or of bytes as they are. */
  post(body: object | string, headers?: Headers): Promise<Answered>
  /** POST with a body of JSON to a path under the base path, or to an address of its own. */
  postTo(path: string, body: object): Promise<Answered>
  /** POST with the fields of a form. */
  submitTo(path: string, fields: Record<string, string>): Promise<Answered>
  send(method: string, path: string, options?: { headers?: Headers; body?: string | Buffer }): Promise<Answered>
}

/** The REST door over a database of its own. */
export interface Door extends AsyncDisposable {
  db: Database
  app: FastifyInstance
  /** The messages of all log lines so far. */
  log: string[]
  anonymous: RestClient
  /** With the API key, signed in as nobody. */
  server: RestClient
  /** Signed in by a token. */
  as(learner: { username: string }, claims?: JWTPayload): RestClient
  /** With the API key, and signed in. */
  serverAs(learner: { username: string }, claims?: JWTPayload): RestClient
  with(headers: Headers): RestClient
}

/** Opens the door as the process builds it, without limits on how often a test may ask. */
export async function openDoor({
  env,
  jwt,
  filters,
  now,
}: Pick<TestApp, 'env' | 'jwt' | 'filters' | 'now'> = {}): Promise<Door> {
  const database = await createTestDatabase()
  const log: string[] = []
  const stream = { write: (line: string) => void log.push(JSON.parse(line).msg) }
  const app = buildTestApp({
    db: database.db,
    logger: { level: 'info', stream },
    env: { RATE_LIMITS: 'off', ...env },
    ...(jwt && { jwt }),
    ...(filters && { filters }),
    ...(now && { now }),
  })
  const withToken = (claims: JWTPayload, headers: Headers = {}) =>
    client(app, async () => ({ authorization: `JWT ${await signToken(claims)}`, ...headers }))
  return {
    db: database.db,
    app,
    log,
    anonymous: client(app, async () => ({})),
    server: client(app, async () => KEY),
    as: ({ username }, claims) => withToken({ preferred_username: username, ...claims }),
    serverAs: ({ username }, claims) => withToken({ preferred_username: username, ...claims }, KEY),
    with: (headers) => client(app, async () => headers),
    async [Symbol.asyncDispose]() {
      await app.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

export const KEY: Headers = { 'x-edx-api-key': secrets.edxApiKeys[0] ?? '' }

/** A token that the server under test believes, valid for an hour. */
export function signToken(
  claims: JWTPayload,
  { secret = secrets.jwt.secret, alg = 'HS256' }: { secret?: string; alg?: string } = {},
): Promise<string> {
  return new SignJWT({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
    .setProtectedHeader({ alg })
    .sign(new TextEncoder().encode(secret))
}

/** Every answer to a test has to be one that the document of the door tells of. */
const faultsByDocument = documentCheck()

function client(app: FastifyInstance, credentials: () => Promise<Headers>): RestClient {
  const send: RestClient['send'] = async (method, path, { headers, body } = {}) => {
    const sent = {
      method,
      url: path.startsWith('/api/') ? path : BASE + path,
      headers: { ...(await credentials()), ...headers },
      body,
    }
    const response = await app.inject({
      // Any method, those that the types do not know too.
      method: method as 'GET',
      url: sent.url,
      headers: sent.headers,
      ...(body !== undefined && { payload: body }),
    })
    const answer = answered(response)
    // As it reached the door: steps up in the path are taken before that.
    const { pathname, search } = new URL(sent.url, 'http://localhost')
    const faults = faultsByDocument({ ...sent, url: pathname + search }, answer)
    if (faults.length === 0) return answer
    throw new Error(`${method} ${sent.url} is not answered as documented:\n${faults.join('\n')}`)
  }
  return {
    send,
    get: (path, headers = {}) => send('GET', path, { headers }),
    postTo: (path, body) =>
      send('POST', path, { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    submitTo: (path, fields) =>
      send('POST', path, {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(fields).toString(),
      }),
    post: (body, headers = {}) =>
      send('POST', '/enrollment', {
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  }
}

function answered({ statusCode: status, headers, body: text }: LightMyRequestResponse): Answered {
  return { status, headers, text, json: text === '' ? undefined : JSON.parse(text) }
}
