import { SignJWT } from 'jose'
import type { Caller } from './case.ts'
import type { Names } from './names.ts'

export interface Credentials {
  readonly key?: string | undefined
  /** Signs tokens for the accounts of the pack (HS256). */
  readonly jwtSecret?: string | undefined
  /** Beside `preferred_username`, such as `iss` and `aud`. */
  readonly jwtClaims?: Readonly<Record<string, unknown>>
  /** Tokens that somebody else made, by caller. */
  readonly tokens?: Readonly<Record<string, string>>
  /** Whether tokens may name accounts that do not exist yet, which are made then. */
  readonly freshAccounts: boolean
}

/** The accounts that act, apart from the key. */
export const SIGNED_IN = ['learner', 'other', 'inactive', 'teacher', 'staff', 'superuser', 'worker'] as const
type SignedIn = (typeof SIGNED_IN)[number]

/** How each caller proves who they are. */
const PROOFS: Readonly<Record<Exclude<Caller, 'fresh'>, { key?: true; token?: SignedIn; scheme?: 'Bearer' }>> = {
  anonymous: {},
  key: { key: true },
  learner: { token: 'learner' },
  other: { token: 'other' },
  inactive: { token: 'inactive' },
  teacher: { token: 'teacher' },
  staff: { token: 'staff' },
  superuser: { token: 'superuser' },
  worker: { token: 'worker' },
  keyLearner: { key: true, token: 'learner' },
  keyStaff: { key: true, token: 'staff' },
  bearerLearner: { token: 'learner', scheme: 'Bearer' },
  bearerInactive: { token: 'inactive', scheme: 'Bearer' },
}

/** The headers of a caller, or why there are none. */
export type CallerHeaders = Readonly<Record<string, string>> | string

/**
 * The headers by which a caller is known.
 *
 * @param freshUsername of an account that nobody has yet.
 */
export async function headersOf(
  caller: Caller,
  credentials: Credentials,
  { names, freshUsername }: { names: Names; freshUsername: string },
): Promise<CallerHeaders> {
  const { key, jwtSecret } = credentials
  if (caller === 'fresh') {
    if (jwtSecret === undefined) return 'needs --jwt-secret, for an account that nobody has yet'
    if (!credentials.freshAccounts) return 'makes an account: give --fresh-accounts'
    return { authorization: `JWT ${await sign(freshUsername, jwtSecret, credentials)}` }
  }
  const proof = PROOFS[caller]
  if (proof.key === true && key === undefined) return 'needs --key'
  const headers: Record<string, string> = proof.key === true && key !== undefined ? { 'x-edx-api-key': key } : {}
  if (proof.token === undefined) return headers
  const given = credentials.tokens?.[proof.token]
  if (given === undefined && jwtSecret === undefined) return `needs a token: --jwt-secret, or --token ${proof.token}=…`
  const token = given ?? (await sign(names[proof.token], jwtSecret ?? '', credentials))
  return { ...headers, authorization: `${proof.scheme ?? 'JWT'} ${token}` }
}

const LIFE_S = 3_600

function sign(username: string, secret: string, { jwtClaims }: Credentials): Promise<string> {
  return new SignJWT({ ...jwtClaims, preferred_username: username })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1_000) + LIFE_S)
    .sign(new TextEncoder().encode(secret))
}
