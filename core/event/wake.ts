import { sql, type Kysely } from 'kysely'
import { afterCommit } from '../database/after-commit.ts'
import { perPool } from '../database/per-pool.ts'
import type { DB } from '../database/schema.ts'

/** The channel of PostgreSQL on which readers of the feed are woken; what is sent on it says nothing more. */
export const WAKE_CHANNEL = 'enrollment_events'

const WAKE = `pg_notify('${WAKE_CHANNEL}', '')`

/**
 * Wakes readers with the commit of the statement that it is part of, where nobody hears of the commit. Not where transactions
 * may be prepared: PostgreSQL prepares none that has sent a notification.
 */
export const WAKE_AT_COMMIT = `case when current_setting('max_prepared_transactions') = '0' then ${WAKE} end as woken`

/** Milliseconds from one wake-up of a pool to the next: many writes share it. */
const INTERVAL_MS = 50

/**
 * Wakes whoever reads the feed, after events were written on a pool, or once the transaction in which they were has ended. It
 * runs beside the write and is never waited for: transactions that notify are committed one after another, which would halve
 * what a database can write. Where it is lost, readers find the events a moment later by themselves.
 */
export function wakeReaders(db: Kysely<DB>): void {
  if (db.isTransaction) afterCommit(db, sendFrom)
  else sendFrom(db)
}

function sendFrom(pool: Kysely<DB>): void {
  senderOf(pool)()
}

/** The first wake-up is sent at once, those of the next moments as one. */
const senderOf = perPool((pool) => {
  let isBusy = false
  let isWanted = false
  const send = () => {
    isWanted = isBusy
    if (isBusy) return
    isBusy = true
    void sent(pool).then(() => setTimeout(rest, INTERVAL_MS).unref())
  }
  const rest = () => {
    isBusy = false
    if (isWanted) send()
  }
  return send
})

async function sent(pool: Kysely<DB>): Promise<void> {
  // Nothing is lost with the wake-up: its commit need not be on disk.
  const statement = sql`/* event.wake */ select set_config('synchronous_commit', 'off', true), ${sql.raw(WAKE)}`
  await statement.execute(pool).catch(() => {})
}
