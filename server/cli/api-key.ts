import type { Command } from 'commander'
import { KEY_LIFE_MS } from '../../core/access/api-keys/check.ts'
import {
  apiKeyName,
  ApiKeyNameTaken,
  createApiKey,
  listApiKeys,
  revokeApiKey,
  type ApiKey,
} from '../../core/access/api-keys/api-keys.ts'
import { CommandError } from './failure.ts'
import { withDatabase, type Session } from './session.ts'
import { write } from './streams.ts'

interface Options {
  readonly json?: boolean
}

/** `api-key`: makes, lists and revokes the keys by which other services call the REST API (rest-v1 D16). */
export function addApiKey(program: Command, session: Session): void {
  const command = program
    .command('api-key')
    .summary('make, list or revoke API keys')
    .description(
      `API keys open the REST API to other services, in the header "X-Edx-Api-Key: <key>". The database keeps only a hash
of each. Those that EDX_API_KEY names are not among them.`,
    )
  addCreate(command, session)
  addList(command, session)
  addRevoke(command, session)
}

function addCreate(command: Command, session: Session): void {
  command
    .command('create')
    .summary('make an API key')
    .description('Makes an API key and prints it. This is the only time that it can be seen.')
    .argument('<name>', 'of whoever will use it: it is given once, also when its key is revoked later')
    .option('--json', 'print one JSON object: {"name", "created", "key"}')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run --silent cli -- api-key create enterprise
  $ npm run --silent cli -- api-key create enterprise --json`,
    )
    .action((name: string, { json = false }: Options) => create(session, name, json))
}

async function create(session: Session, name: string, json: boolean): Promise<void> {
  if (!apiKeyName.safeParse(name).success) {
    throw new CommandError('The name of a key has 1 to 255 characters, and no blanks around them.')
  }
  const { key, created } = await withDatabase(session, (db) => createApiKey(db, name)).catch(inWords)
  await write(session.stdout, json ? `${JSON.stringify({ name, created, key })}\n` : `${key}\n`)
  if (!json) session.stderr.write(`This is the API key '${name}'. Keep it now: it cannot be shown again.\n`)
}

function inWords(error: unknown): never {
  if (error instanceof ApiKeyNameTaken) throw new CommandError(`${error.message}: choose another name.`)
  throw error
}

function addList(command: Command, session: Session): void {
  command
    .command('list')
    .summary('list the API keys')
    .description('Lists the names of all API keys, the oldest first, with those that were revoked.')
    .option('--json', 'print one JSON object: {"apiKeys": [{"name", "created", "revoked"}]}')
    .action(({ json = false }: Options) => list(session, json))
}

async function list(session: Session, json: boolean): Promise<void> {
  const apiKeys = await withDatabase(session, listApiKeys, 'read')
  await write(session.stdout, json ? `${JSON.stringify({ apiKeys })}\n` : table(apiKeys))
}

function table(apiKeys: readonly ApiKey[]): string {
  if (apiKeys.length === 0) return 'There are no API keys.\n'
  const width = Math.max(...apiKeys.map(({ name }) => name.length))
  const lines = apiKeys.map(({ name, created, revoked }) => {
    const state = revoked === null ? '' : `, revoked ${revoked}`
    return `${name.padEnd(width)}  created ${created}${state}\n`
  })
  return lines.join('')
}

function addRevoke(command: Command, session: Session): void {
  command
    .command('revoke')
    .summary('revoke an API key')
    .description(
      `Revokes an API key for ever. Servers that are running refuse it within ${KEY_LIFE_MS / 1_000} seconds.`,
    )
    .argument('<name>', 'of the key')
    .option('--json', 'print one JSON object: {"name", "created", "revoked"}')
    .action((name: string, { json = false }: Options) => revoke(session, name, json))
}

async function revoke(session: Session, name: string, json: boolean): Promise<void> {
  const isName = apiKeyName.safeParse(name).success
  const revoked = isName ? await withDatabase(session, (db) => revokeApiKey(db, name, new Date())) : null
  if (revoked === null) throw new CommandError(`There is no API key named '${name}'.`)
  await write(session.stdout, json ? `${JSON.stringify(revoked)}\n` : `The API key '${name}' opens nothing any more.\n`)
}
