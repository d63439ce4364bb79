import { randomBytes } from 'node:crypto'
import type pg from 'pg'

/** What a connection found on its way to PostgreSQL. */
export interface Route {
  /** Whether a pooler stands between, e.g. PgBouncer: one connection may then reach many of the server. */
  readonly isPooled: boolean
  /** Whether a statement that is prepared under a name is found under it again, whichever connection of the server is reached. */
  readonly keepsNames: boolean
  /** Milliseconds after which the server ends a statement, 0: never. */
  readonly statementTimeoutMs: number
}

/** Looks at the way on a new connection: one statement where it is direct. */
export async function inspectRoute(client: pg.ClientBase): Promise<Route> {
  const { rows } = await client.query<{ pid: number; statementTimeoutMs: number }>(WHO_ANSWERS)
  const [session] = rows
  if (session === undefined) throw new Error('The server did not say who answers')
  const { processID } = client as unknown as { processID: number | null } // Not in the types of pg.
  const isPooled = session.pid !== processID
  const keepsNames = !isPooled || (await areNamesTranslated(client))
  return { isPooled, keepsNames, statementTimeoutMs: session.statementTimeoutMs }
}

/** A pooler makes up the process id that it tells its clients. */
const WHO_ANSWERS = `select pg_backend_pid() as pid,
  (select setting::integer from pg_settings where name = 'statement_timeout') as "statementTimeoutMs"`

/**
 * A pooler that keeps prepared statements gives them names of its own on the server. One that hands our name on does not know
 * that it is one, and the next statement may reach a connection without it, or with another's under the same name.
 */
async function areNamesTranslated(client: pg.ClientBase): Promise<boolean> {
  const name = `enrollment_probe_${randomBytes(8).toString('hex')}`
  // In one transaction, so that one connection of the server does it all.
  await client.query('begin')
  await client.query({ name, text: 'select 1' })
  const { rows } = await client.query('select from pg_prepared_statements where name = $1', [name])
  if (rows.length > 0) await client.query(`deallocate ${name}`)
  await client.query('commit')
  return rows.length === 0
}

/** What an operator should know about a way; empty where it is direct. */
export function remarksOn(route: Route, isNaming: boolean, statementTimeoutMs: number): string[] {
  if (!route.isPooled) return []
  const remarks = [isNaming ? NAMES_ARE_USED : NO_NAMES]
  if (route.statementTimeoutMs !== statementTimeoutMs) remarks.push(noTimeout(route, statementTimeoutMs))
  return remarks
}

const NAMES_ARE_USED = 'A pooler stands before PostgreSQL; prepared statements are used through it.'

const NO_NAMES =
  'A pooler stands before PostgreSQL; it is used without prepared statements, which is slower. PgBouncer keeps them from ' +
  'version 1.21 on with max_prepared_statements above zero; before one in session mode, set DATABASE_PREPARED_STATEMENTS=on.'

function noTimeout(route: Route, wantedMs: number): string {
  const inForce = route.statementTimeoutMs === 0 ? 'none' : `${route.statementTimeoutMs} ms`
  return (
    `The pooler does not pass on our settings: statement_timeout is ${inForce} there rather than ${wantedMs} ms. ` +
    `Set it for the role: alter role … set statement_timeout = ${wantedMs}`
  )
}
