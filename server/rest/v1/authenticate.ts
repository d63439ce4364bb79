import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import type { ApiKeyCheck } from '../../../core/access/api-key-check.ts'
import type { DB } from '../../../core/database/schema.ts'
import { signUp } from '../../../core/learner/sign-up.ts'
import { authenticationFailed, Refusal } from './answer.ts'
import { InvalidToken, type Claims, type JwtVerifier } from './jwt.ts'
import { NOBODY, type Caller } from './rights.ts'

export interface Authentication {
  readonly db: Kysely<DB>
  readonly isApiKey: ApiKeyCheck
  readonly verifyJwt: JwtVerifier
  readonly now: () => Date
}

/**
 * Finds out who asks (rest-v1 §2.1): the account of the token in `Authorization: JWT <token>` or `Bearer <token>`, which
 * is made when it does not exist, and whether the API key is there. Neither is required here.
 *
 * @throws {Refusal} 401 for a token that is not valid, also beside a good key.
 */
export async function authenticate(request: FastifyRequest, options: Authentication): Promise<Caller> {
  const claims = await readToken(request.headers.authorization, options)
  const keyHolder = await authenticateKey(request, options)
  if (claims === null) return keyHolder
  const { account, isNew, isEmailTaken } = await signUp(options.db, claims)
  if (isNew) reportNewAccount(request.log, account, isEmailTaken)
  return { account, claims, hasApiKey: keyHolder.hasApiKey }
}

/** Looks at the API key alone: all that counts on a route that does not authenticate (rest-v1 §6.17). */
export async function authenticateKey(
  request: FastifyRequest,
  { isApiKey }: Pick<Authentication, 'isApiKey'>,
): Promise<Caller> {
  const hasApiKey = await isApiKey(apiKeyOf(request))
  if (hasApiKey) request.log.info(`ApiKeyHeaderPermission used: ip="${request.ip}", path="${pathOf(request)}"`)
  return { ...NOBODY, hasApiKey }
}

function apiKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['x-edx-api-key']
  return typeof key === 'string' ? key : undefined
}

function pathOf(request: FastifyRequest): string {
  return request.originalUrl.split('?', 1)[0] ?? ''
}

async function readToken(header: string | undefined, { verifyJwt, now }: Authentication): Promise<Claims | null> {
  const [scheme = '', ...credentials] = (header ?? '').trim().split(/\s+/)
  const refuse = refusals.get(scheme.toLowerCase())
  if (refuse === undefined) return null
  const [token, ...more] = credentials
  if (token === undefined) throw refuse('Invalid token header. No credentials provided.')
  if (more.length > 0) throw refuse('Invalid token header. Token string should not contain spaces.')
  try {
    return await verifyJwt(token, now())
  } catch (error) {
    throw error instanceof InvalidToken ? refuse(error.message) : error
  }
}

/** How each scheme says that its token is wrong. No opaque tokens are issued: a bearer's that is no JWT is malformed (D9). */
const refusals: ReadonlyMap<string, (reason: string) => Refusal> = new Map([
  ['jwt', (reason) => new Refusal(authenticationFailed({ detail: reason }))],
  [
    'bearer',
    (reason) => new Refusal(authenticationFailed({ error_code: 'token_malformed', developer_message: reason })),
  ],
])

function reportNewAccount(log: FastifyBaseLogger, { id }: { id: number }, isEmailTaken: boolean): void {
  log.info({ userId: id }, 'account made from a token')
  if (isEmailTaken) log.warn({ userId: id }, 'the account has no e-mail address: that of its token belongs to another')
}
