import { createHash } from 'node:crypto'
import type { LmsPool } from './pool.ts'

/** What an LMS knows of a token that it has given out. */
export interface LmsToken {
  /** When it ends, in milliseconds since 1970; NaN: never began. */
  readonly expires: number
  /** Null: nobody, as of a token that an application has for itself. */
  readonly holder: LmsTokenHolder | null
}

export interface LmsTokenHolder {
  /** The id of the account in the LMS. */
  readonly userId: number
  readonly username: string
  readonly email: string
  /** Whether the e-mail address is confirmed. */
  readonly isActive: boolean
}

/** What tokens are known by, so that they are kept nowhere. */
export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/**
 * Makes what reads tokens from an LMS (lms.md A.8). The database compares them by its collation, which takes other spellings for
 * the same: what it finds is compared once more.
 *
 * @returns a function from tokens to what is known of them, by digest; one that was never given out is absent.
 */
export function tokenReader({
  query,
}: Pick<LmsPool, 'query'>): (tokens: readonly string[]) => Promise<ReadonlyMap<string, LmsToken>> {
  let known = { hasChecksum: false, at: -Infinity }
  const hasChecksum = async () => {
    if (performance.now() - known.at < COLUMNS_MS) return known.hasChecksum
    const rows = await query<{ name: string }>(COLUMNS, [])
    known = { hasChecksum: rows.length > 0, at: performance.now() }
    return known.hasChecksum
  }
  return async (tokens) => {
    const byChecksum = await hasChecksum()
    const names = byChecksum ? tokens.map(digestOf) : tokens
    const rows = await query<TokenRow>(byChecksum ? BY_CHECKSUM : BY_TOKEN, [names])
    return new Map(rows.map((row) => [byChecksum ? row.name : digestOf(row.name), tokenOf(row)]))
  }
}

/** How long it is believed which columns there are: a newer release brings others. */
const COLUMNS_MS = 600_000

const COLUMNS = `select lower(column_name) as name from information_schema.columns
  where table_schema = database() and table_name = 'oauth2_provider_accesstoken' and column_name = 'token_checksum'`

interface TokenRow {
  readonly name: string
  readonly expires: string
  readonly userId: number | null
  readonly username: string | null
  readonly email: string | null
  readonly isActive: number | null
}

const SELECTED = `t.expires, u.id as userId, u.username, u.email, u.is_active as isActive
  from oauth2_provider_accesstoken t left join auth_user u on u.id = t.user_id`

const BY_CHECKSUM = `select t.token_checksum as name, ${SELECTED} where t.token_checksum in (?)`
const BY_TOKEN = `select t.token as name, ${SELECTED} where t.token in (?)`

function tokenOf({ expires, userId, username, email, isActive }: TokenRow): LmsToken {
  const holder =
    userId === null || username === null ? null : { userId, username, email: email ?? '', isActive: isActive === 1 }
  return { expires: Date.parse(`${expires.replace(' ', 'T')}Z`), holder }
}
