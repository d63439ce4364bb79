import pg from 'pg'
import { openDatabase } from '../../core/database/open.ts'
import { migrate } from '../migrate.ts'
import { schemaVersion } from './schema-version.ts'
import { onServer } from './server.ts'
import { whileUnused, withName } from './test-database.ts'

/** Any number, the same in all versions of this package. */
const LOCK = 7_305_224_179

/**
 * Makes the migrated, empty database that test databases are copied from, where the server does not have the one of this
 * version of the schema yet. Several processes may call it at once: one makes it, the others wait.
 *
 * @returns its name.
 */
export async function prepareTemplate(server: string): Promise<string> {
  const name = `enrollment_template_${schemaVersion()}`
  await onServer(server, async (client) => {
    if (await exists(client, name)) return
    await client.query('select pg_advisory_lock($1)', [LOCK])
    if (await exists(client, name)) return
    await make(client, server, name)
  })
  return name
}

async function exists(client: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
  return rowCount === 1
}

/** Under another name first: nobody sees it half made. */
async function make(client: pg.Client, server: string, name: string): Promise<void> {
  const draft = `${name}_draft`
  await client.query(`drop database if exists ${pg.escapeIdentifier(draft)} with (force)`)
  await client.query(`create database ${pg.escapeIdentifier(draft)} template template0`)
  const db = openDatabase({ connectionString: withName(server, draft) })
  try {
    await migrate(db)
  } finally {
    await db.destroy()
  }
  await whileUnused(client, draft, () =>
    client.query(`alter database ${pg.escapeIdentifier(draft)} rename to ${pg.escapeIdentifier(name)}`),
  )
}
