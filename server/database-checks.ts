import { sql } from 'kysely'
import type { Database } from '../core/database/open.ts'

/** The database cannot be used; the message says what to do. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
}

/** The database of a URL in words. */
export function placeOf(connectionString: string): string {
  const { host, pathname } = new URL(connectionString)
  return `The database ${decodeURIComponent(pathname.slice(1))} at ${host || 'the local socket'}`
}

/**
 * Checks that a database is one that this service can work on, before anything is changed in it.
 *
 * @param use `read` where nothing will be written.
 * @throws {DatabaseError} for what would fail later, or be wrong; what the connection threw.
 */
export async function checkDatabase(db: Database, connectionString: string, use: 'read' | 'write'): Promise<void> {
  const found = await readFacts(db)
  const problem = problemWith(found) ?? (use === 'write' ? problemOfWriting(found) : null)
  if (problem !== null) throw new DatabaseError(`${placeOf(connectionString)} ${problem}`)
}

interface Facts {
  readonly database: string
  readonly version: number
  readonly encoding: string
  readonly isStandby: boolean
  readonly isReadOnly: boolean
  readonly role: string
  readonly searchPath: string
  /** The first one of the search path that is there and open to the role; null: none. */
  readonly schema: string | null
  readonly mayCreate: boolean | null
  readonly isMigrated: boolean
  /** Another schema that has our tables, where the search path finds none; null: none. */
  readonly elsewhere: string | null
  readonly mayRead: boolean
  readonly mayWrite: boolean
}

async function readFacts(db: Database): Promise<Facts> {
  const { rows } = await sql<Facts>`
    select current_database() as database, current_setting('server_version_num')::integer / 10000 as version,
      current_setting('server_encoding') as encoding, pg_is_in_recovery() as "isStandby",
      current_setting('default_transaction_read_only') = 'on' as "isReadOnly", current_user as role,
      current_setting('search_path') as "searchPath", current_schema() as schema,
      has_schema_privilege(current_schema(), 'create') as "mayCreate",
      to_regclass('kysely_migration') is not null as "isMigrated",
      (select min(n.nspname::text) from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relname = 'enrollment_allowances' and c.relkind = 'r'
         and to_regclass('enrollment_allowances') is null) as elsewhere,
      coalesce(has_table_privilege(to_regclass('kysely_migration'), 'select')
        and has_table_privilege(to_regclass('learners'), 'select'), true) as "mayRead",
      coalesce(has_table_privilege(to_regclass('learners'), 'insert')
        and has_table_privilege(to_regclass('learners'), 'update'), true) as "mayWrite"`.execute(db)
  const [facts] = rows
  if (facts === undefined) throw new Error('The database did not describe itself')
  return facts
}

const OLDEST = 15

function problemWith({
  database,
  version,
  encoding,
  role,
  schema,
  searchPath,
  elsewhere,
  mayRead,
}: Facts): string | null {
  if (version < OLDEST) return `is PostgreSQL ${version}: PostgreSQL ${OLDEST} or newer is required.`
  if (encoding !== 'UTF8') {
    return (
      `has the encoding ${encoding}, which cannot hold every name: UTF8 is required. Make another database with ` +
      `"create database … encoding 'UTF8' template template0", bring what is in this one there with pg_dump and psql, and ` +
      'change DATABASE_URL.'
    )
  }
  if (schema === null) {
    return (
      `has no schema for our tables that ${role} may use (search_path is ${searchPath}): create one or grant usage on it, ` +
      `and name it with "alter role ${role} in database ${database} set search_path = …".`
    )
  }
  if (elsewhere !== null) {
    return (
      `has our tables in the schema ${elsewhere}, where ${role} does not look (search_path is ${searchPath}): name it with ` +
      `"alter role ${role} in database ${database} set search_path = ${elsewhere}".`
    )
  }
  if (!mayRead) return closed('read', role, schema)
  return null
}

function problemOfWriting({
  isStandby,
  isReadOnly,
  isMigrated,
  mayCreate,
  mayWrite,
  role,
  schema,
}: Facts): string | null {
  if (isStandby) return 'is a standby, which cannot be written: name its primary in DATABASE_URL.'
  if (isReadOnly) {
    return (
      'is read-only (default_transaction_read_only is on, for the database, the role or the server): switch that off, or ' +
      'change DATABASE_URL.'
    )
  }
  if (!mayWrite) return closed('write', role, schema ?? '')
  if (isMigrated || mayCreate === true) return null
  return (
    `is empty, and ${role} may not make tables in it: "grant usage, create on schema ${schema} to ${role}", or run ` +
    '"npm run cli -- migrate" as a role that may.'
  )
}

function closed(what: string, role: string, schema: string): string {
  return (
    `does not let ${role} ${what} its tables: "grant select, insert, update, delete on all tables in schema ${schema} to ` +
    `${role}" and "grant usage on all sequences in schema ${schema} to ${role}", or name the role that owns them in ` +
    'DATABASE_URL.'
  )
}
