import { CompiledQuery, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { HeldBack } from './event.ts'

interface HolderRow {
  readonly pid: number | null
  readonly name: string
  readonly since: string | null
}

/**
 * Finds out who keeps events from being shown (events.md §1).
 *
 * @param transaction the id of the oldest transaction that runs.
 * @returns null: it has ended in the meantime.
 */
export async function readHolder(db: Kysely<DB>, transaction: string): Promise<HeldBack | null> {
  const { rows } = await db.executeQuery<HolderRow>(CompiledQuery.raw(HOLDER, [transaction]))
  const [row] = rows
  if (row === undefined) return null
  const { pid, name, since } = row
  return {
    since,
    by: pid === null ? { kind: 'prepared', gid: name } : { kind: 'transaction', pid, applicationName: name },
  }
}

// The instant of another role's transaction is hidden, its id is not. Both show the id without its upper half.
const HOLDER = `/* event.readHolder */
with holder as materialized (select $1::text::xid8::xid as id)
select a.pid, coalesce(a.application_name, '') as name, a.xact_start as since
from pg_stat_activity a join holder h on h.id = a.backend_xid
union all
select null, p.gid, p.prepared from pg_prepared_xacts p join holder h on h.id = p.transaction
limit 1`
