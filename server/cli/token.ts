import { InvalidArgumentError, type Command } from 'commander'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { Config } from '../config.ts'
import { CommandError } from './failure.ts'
import { withDatabase, type Session } from './session.ts'
import { write } from './streams.ts'

interface Options {
  /** In seconds. */
  readonly expires: number
  readonly json?: boolean
}

/** `token`: makes a JWT for an account. */
export function addToken(program: Command, session: Session): void {
  program
    .command('token')
    .summary('make a JWT for an account')
    .description(
      `Prints a JSON Web Token for an account, signed (HS256) with JWT_SECRET or, with the embedded database, with the
development secret. The REST API takes it in the header "Authorization: JWT <token>".`,
    )
    .argument('<username>', 'of the account; one that is not there yet is created by the first use of the token')
    .option('--expires <time>', 'how long it is valid, such as 30s, 15m, 1h, 7d', seconds, 3600)
    .option('--json', 'print one JSON object: {"token", "username", "expires"}')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run --silent cli -- token bob
  $ TOKEN=$(npm run --silent cli -- token bob --expires 8h)
  $ curl -H "Authorization: JWT $TOKEN" http://127.0.0.1:8000/api/enrollment/v1/enrollment`,
    )
    .action((username: string, options: Options) => printToken(session, username, options))
}

async function printToken(session: Session, username: string, { expires, json = false }: Options): Promise<void> {
  const config = session.config()
  if (username === '' || [...username].length > 150) throw new CommandError('A username has 1 to 150 characters.')
  const secret = await signingSecret(config)
  const claims = await withDatabase(session, (db) => claimsOf(db, username), 'read')
  if (claims === null) {
    session.stderr.write(`There is no account '${username}' yet: the first use of this token creates it.\n`)
  }
  const expiry = Math.floor(Date.now() / 1000) + expires
  const token = await sign(claims ?? { preferred_username: username }, { config, secret, expiry })
  const words = json ? JSON.stringify({ token, username, expires: new Date(expiry * 1000).toISOString() }) : token
  await write(session.stdout, `${words}\n`)
}

async function signingSecret(config: Config): Promise<string> {
  // With it comes what reads keys.
  const { resolveSecrets } = await import('../secrets.ts')
  const { jwt } = await resolveSecrets(config)
  if (jwt.secret !== undefined) return jwt.secret
  throw new CommandError('A token is signed with JWT_SECRET, which is not set: the keys of the settings only verify.')
}

/** The claims of run §3; null for an unknown account. An id that was drawn here is left out: a token brings that of the LMS. */
async function claimsOf(db: Kysely<DB>, username: string): Promise<Record<string, unknown> | null> {
  const row = await db
    .selectFrom('learners')
    .select(['user_id', 'is_id_of_lms', 'username', 'email', 'name', 'is_staff', 'is_superuser'])
    .where('username', '=', username)
    .executeTakeFirst()
  if (row === undefined) return null
  return {
    preferred_username: row.username,
    ...(row.email !== null && { email: row.email }),
    ...(row.name !== '' && { name: row.name }),
    administrator: row.is_staff,
    superuser: row.is_superuser,
    ...(row.is_id_of_lms && { user_id: row.user_id }),
  }
}

async function sign(
  claims: Record<string, unknown>,
  { config, secret, expiry }: { config: Config; secret: string; expiry: number },
): Promise<string> {
  const { SignJWT } = await import('jose')
  const jwt = new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime(expiry)
  if (config.jwtIssuer !== undefined) jwt.setIssuer(config.jwtIssuer)
  if (config.jwtAudience !== undefined) jwt.setAudience(config.jwtAudience)
  return jwt.sign(new TextEncoder().encode(secret))
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

function seconds(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const factor = UNITS[unit]
  if (count === undefined || factor === undefined || Number(count) === 0) {
    throw new InvalidArgumentError('It is a number and a unit: 30s, 15m, 1h, 7d.')
  }
  return Number(count) * factor
}
