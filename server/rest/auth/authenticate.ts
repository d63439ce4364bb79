import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import { apiKeyCheck, type ApiKeyCheck } from '../../../core/access/api-keys/check.ts'
import type { Account } from '../../../core/learner/account.ts'
import type { DB } from '../../../core/database/schema.ts'
import { IdentityConflict, signUp, type SignUp } from '../../../core/learner/sign-up.ts'
import { unlimited, type WrongCredentials } from '../../wrong-credentials.ts'
import { clientAddresses } from '../checks/client-address.ts'
import { credentialsOf, refuseDisabled, type Credentials, type SessionRule } from './credentials.ts'
import { refuseForgery } from './csrf.ts'
import { InvalidToken, jwtVerifier, type Claims, type JwtOptions, type JwtVerifier } from './jwt.ts'
import type { OpaqueTokens } from './opaque-tokens.ts'
import { KeysUnavailable } from './remote-keys.ts'
import { NOBODY, type Identity } from './rights.ts'

export interface Authentication {
  readonly db: Kysely<DB>
  readonly isApiKey: ApiKeyCheck
  readonly verifyJwt: JwtVerifier
  /** Absent: a bearer's token that is no JWT is malformed (rest-v1 D9). */
  readonly opaqueTokens?: OpaqueTokens | undefined
  /** Other origins whose pages may change something with the cookies of a browser. */
  readonly trustedOrigins: readonly string[]
  readonly now: () => Date
  readonly wrongCredentials: WrongCredentials
}

export interface AuthenticationOptions extends Pick<Authentication, 'db' | 'trustedOrigins' | 'opaqueTokens'> {
  /** Accepted values of `X-Edx-Api-Key`. */
  readonly apiKeys: readonly string[]
  readonly jwt: JwtOptions
  readonly now?: (() => Date) | undefined
  /** Nobody waits unless given. */
  readonly wrongCredentials?: WrongCredentials | undefined
}

/** Prepares what all APIs of a server need to find out who asks; keys that are fetched are kept in it. */
export function openAuthentication({ apiKeys, jwt, now, ...rest }: AuthenticationOptions): Authentication {
  return {
    ...rest,
    isApiKey: apiKeyCheck(rest.db, apiKeys),
    verifyJwt: jwtVerifier(jwt),
    now: now ?? (() => new Date()),
    wrongCredentials: rest.wrongCredentials ?? unlimited,
  }
}

/**
 * Finds out who asks (rest-v1 §2.1): the account of the token, which is made when it does not exist, and whether the API
 * key is there. Neither is required here. Who comes by cookies and may not, because they are not active, is nobody.
 *
 * @throws {Refusal} 401 for a token that is not valid, also beside a good key; 403 for what another site may have made
 * a browser send, and for an account that staff has disabled.
 */
export async function authenticate(
  request: FastifyRequest,
  options: Authentication,
  session: SessionRule,
): Promise<Identity> {
  const credentials = credentialsOf(request, session !== 'nobody')
  const claims = credentials && (await verify(credentials, request, options))
  if (credentials === null || claims === null) return authenticateKey(request, options)
  const keyHolder = await checkKey(request, options)
  const { account, isNew, isEmailTaken } = await accountOf(claims, credentials, request.log, options)
  if (isNew) reportNewAccount(request.log, account, isEmailTaken)
  refuseDisabled(account)
  if (credentials.isSession) {
    if (session === 'active' && !account.isActive) return keyHolder
    refuseForgery(request, options.trustedOrigins)
  }
  return { account, claims, hasApiKey: keyHolder.hasApiKey }
}

/** Looks at the API key alone: all that counts on a route that does not authenticate (rest-v1 §6.17). */
export async function authenticateKey(
  request: FastifyRequest,
  options: Pick<Authentication, 'isApiKey' | 'wrongCredentials'>,
): Promise<Identity> {
  const identity = await checkKey(request, options)
  if (!identity.hasApiKey && apiKeyOf(request) !== undefined) await options.wrongCredentials(addressOf(request))
  return identity
}

/** Nobody waits for a wrong key: there is somebody with a token that is right. */
async function checkKey(request: FastifyRequest, { isApiKey }: Pick<Authentication, 'isApiKey'>): Promise<Identity> {
  const hasApiKey = await isApiKey(apiKeyOf(request))
  if (hasApiKey) request.log.info(`ApiKeyHeaderPermission used: ip="${request.ip}", path="${pathOf(request)}"`)
  return { ...NOBODY, hasApiKey }
}

function apiKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['x-edx-api-key']
  return typeof key === 'string' ? key : undefined
}

function addressOf(request: FastifyRequest): string | null {
  return clientAddresses(request).at(-1) ?? null
}

function pathOf(request: FastifyRequest): string {
  return request.originalUrl.split('?', 1)[0] ?? ''
}

async function verify(
  { token, isOpaque, refuse }: Credentials,
  request: FastifyRequest,
  { verifyJwt, opaqueTokens, now, wrongCredentials }: Authentication,
): Promise<Claims> {
  try {
    if (isOpaque && opaqueTokens !== undefined) return await opaqueTokens.holderOf(token, now())
    return await verifyJwt(token, now())
  } catch (error) {
    if (error instanceof KeysUnavailable) {
      request.log.warn({ err: error }, 'a token could not be verified: the key server does not answer')
    }
    if (error instanceof InvalidToken && !error.wasGivenOut) await wrongCredentials(addressOf(request))
    throw error instanceof InvalidToken ? refuse(error.message, error.code) : error
  }
}

/** Who is who is not guessed: a token whose username has another id proves nothing (run §3, Identity). */
async function accountOf(
  claims: Claims,
  { refuse }: Credentials,
  log: FastifyBaseLogger,
  { db }: Authentication,
): Promise<SignUp> {
  try {
    return await signUp(db, claims)
  } catch (error) {
    if (!(error instanceof IdentityConflict)) throw error
    log.warn({ username: claims.username, userId: claims.userId }, `a token was refused: ${error.message}`)
    throw refuse('User retrieval failed.')
  }
}

function reportNewAccount(log: FastifyBaseLogger, { userId }: Pick<Account, 'userId'>, isEmailTaken: boolean): void {
  log.info({ userId }, 'account made from a token')
  if (isEmailTaken) log.warn({ userId }, 'the account has no e-mail address: that of its token belongs to another')
}
