import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'

/** A transaction that may write by what it saw before a certain other one. */
export interface OldTransaction {
  /** PostgreSQL's name for it. */
  readonly id: string
  /** Of its connection; 0: it is prepared, and has none. */
  readonly pid: number
  readonly application: string
  /** ISO 8601; null where PostgreSQL does not tell. */
  readonly since: string | null
}

/**
 * The transactions of this database that may still write enrollments by what they saw before another transaction ended. Each
 * that has written enrollments, or is about to, holds a lock of the table until it ends; each whose snapshot is older has a
 * horizon that is not newer. Of connections whose details PostgreSQL does not show, all count. Those that only read in such a
 * snapshot cannot be told from those that are going to write.
 *
 * @param xid the id of the other transaction, which has ended.
 */
export async function oldTransactions(db: Kysely<DB>, xid: string): Promise<OldTransaction[]> {
  const { rows } = await sql<OldTransaction>`
    select t.virtualtransaction as id, coalesce(t.pid, 0) as pid, coalesce(a.application_name, '') as application,
      a.xact_start as since
    from (
      select virtualtransaction, pid, bool_or(locktype = 'relation' and relation = 'enrollments'::regclass
        and database = (select oid from pg_database where datname = current_database())
        and mode = 'RowExclusiveLock') as writes
      from pg_locks group by virtualtransaction, pid
    ) t left join pg_stat_activity a on a.pid = t.pid
    where t.pid is distinct from pg_backend_pid() and (t.writes or (a.datname = current_database()
      and a.backend_type = 'client backend'
      and (a.query = '<insufficient privilege>' or age(a.backend_xmin) >= age(${xid}::xid8::xid))))`.execute(db)
  return rows
}

/** Those of the transactions that have not ended, and may still write. */
export async function stillThere(
  db: Kysely<DB>,
  xid: string,
  transactions: readonly OldTransaction[],
): Promise<OldTransaction[]> {
  const now = new Map((await oldTransactions(db, xid)).map((one) => [one.id, one]))
  return transactions.filter(({ id }) => now.has(id))
}
