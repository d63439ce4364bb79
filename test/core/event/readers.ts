import { sql, type ControlledTransaction, type Kysely } from 'kysely'
import { migrations } from '../../../core/database/migrate.ts'
import type { DB } from '../../../core/database/schema.ts'
import { createCaller, type FeedPage } from '../../../routers/index.ts'
import { addLearner } from '../../support/seed.ts'

const actor = { kind: 'service', name: 'tests' } as const

/** Enrolls a new learner, with a text by which the event is told from all others. */
export async function enrollTagged(db: Kysely<DB>, courseId: string, tag: string, on: Kysely<DB> = db): Promise<void> {
  const { username } = await addLearner(db)
  await createCaller({ db: on, actor }).enrollment.enroll({ username, courseId, reason: tag })
}

/** Somebody who reads the feed, from whichever database, and keeps what has come. */
export interface Reader {
  cursor: string
  readonly tags: (string | null)[]
}

export function newReader(cursor = '0-0'): Reader {
  return { cursor, tags: [] }
}

/** Reads one page. */
export async function readOn(reader: Reader, db: Kysely<DB>, limit = 1000): Promise<FeedPage> {
  const page = await createCaller({ db, actor }).events.list({ after: reader.cursor, limit })
  reader.cursor = page.cursor
  reader.tags.push(...page.events.map(({ reason }) => reason))
  return page
}

/** Lets a cluster give out so many transaction ids. */
export async function useTransactionIds(db: Kysely<DB>, count: number): Promise<void> {
  // One statement for all would meet its time-out on a machine that does much else.
  const most = 10_000
  for (let used = 0; used < count; used += most) {
    const times = Math.min(most, count - used)
    await sql
      .raw(`do $$ begin for i in 1..${times} loop perform pg_current_xact_id(); commit; end loop; end $$`)
      .execute(db)
  }
}

/** A transaction in which one learner is enrolled, and which stays open. */
export async function openLate(db: Kysely<DB>, courseId: string, tag: string): Promise<ControlledTransaction<DB>> {
  const trx = await db.startTransaction().execute()
  await enrollTagged(db, courseId, tag, trx)
  return trx
}

/**
 * Takes the migration of the feed back and runs it once more: what the feed is made of has other ids then, as after a restore.
 * Databases that are made from one template share them.
 */
export async function makeFeedAnew(db: Kysely<DB>): Promise<void> {
  await sql`alter table enrollment_events alter transaction_id set default pg_current_xact_id()`.execute(db)
  for (const name of FUNCTIONS) await sql.raw(`drop function feed_${name}`).execute(db)
  for (const name of SEQUENCES) await sql.raw(`drop sequence feed_epoch_${name}`).execute(db)
  await db.transaction().execute(async (trx) => migrations['0009_feed_epochs']?.up(trx))
}

// Each before those that it uses.
const FUNCTIONS = ['horizon(xid8, bigint)', 'earlier_offset()', 'first_offset()', 'begin_epoch()', 'offset()', 'life()']
const SEQUENCES = ['floor', 'transaction', 'offset', 'life']
