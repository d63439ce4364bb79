import { sql, type Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'
import type { UndoneChange } from './plan.ts'

/**
 * Reads what a batch did, each enrollment once, in pages, without a transaction that stays open. Those to whom undoing gives
 * no seat come first: whoever gets one back finds the seats free that the batch gave to others.
 *
 * @param batchId a UUID.
 */
export async function* readBatch(
  db: Kysely<DB>,
  batchId: string,
  signal?: AbortSignal,
): AsyncGenerator<UndoneChange[]> {
  for (const wasActive of [false, true]) {
    for await (const transaction of transactionsOf(db, batchId)) {
      let after = '0'
      for (;;) {
        signal?.throwIfAborted()
        const rows = await readEvents(db, { batchId, transaction, after, wasActive })
        const last = rows.at(-1)
        if (last === undefined) break
        after = last.id
        const first = rows.flatMap((row) => (row.is_first ? [undoneOf(row)] : []))
        if (first.length > 0) yield first
      }
    }
  }
}

async function* transactionsOf(db: Kysely<DB>, batchId: string): AsyncGenerator<string> {
  for (let last = '0'; ;) {
    const { rows } = await sql<{ transaction_id: string }>`
      select transaction_id from enrollment_events
      where batch_id = ${batchId}::uuid and transaction_id > ${last}::xid8
      order by transaction_id limit 1`.execute(db)
    const [row] = rows
    if (row === undefined) return
    last = row.transaction_id
    yield last
  }
}

interface EventRow {
  readonly id: string
  /** The first of the batch about its enrollment. */
  readonly is_first: boolean
  readonly before_mode: string | null
  readonly before_is_active: boolean | null
  readonly last_version: number
  readonly is_mixed: boolean
  readonly user_id: number
  readonly username: string
  readonly course_key: string
}

/** Rows of a page; a transaction may hold hundreds of thousands of events. */
const PAGE = 1000

interface EventPage {
  readonly batchId: string
  readonly transaction: string
  readonly after: string
  readonly wasActive: boolean
}

// "is not distinct from" keeps the index of batches out of it: with that each page would sort all events of its batch. Pages go by
// the primary key, and the other events of an enrollment by its versions.
async function readEvents(db: Kysely<DB>, { batchId, transaction, after, wasActive }: EventPage): Promise<EventRow[]> {
  const { rows } = await sql<EventRow>`
    select v.id, own.first_version = v.version as is_first, v.before_mode, v.before_is_active,
      own.last_version, own.last_version - own.first_version >= own.number as is_mixed, l.user_id, l.username, c.course_key
    from (
      select id, enrollment_id, version, before_mode, before_is_active from enrollment_events
      where transaction_id = ${transaction}::xid8 and id > ${after}::bigint
        and batch_id is not distinct from ${batchId}::uuid and (before_is_active is true) = ${wasActive}::boolean
      order by id limit ${PAGE}
    ) v
    cross join lateral (
      select min(o.version) as first_version, max(o.version) as last_version, count(*) as number
      from enrollment_events o
      where o.enrollment_id = v.enrollment_id and o.batch_id is not distinct from ${batchId}::uuid
    ) own
    join enrollments e on e.id = v.enrollment_id
    join learners l on l.id = e.learner_id
    join courses c on c.id = e.course_id
    order by v.id`.execute(db)
  return rows
}

function undoneOf(row: EventRow): UndoneChange {
  const { user_id: userId, username, before_mode: mode, before_is_active: isActive } = row
  return {
    userId: String(userId),
    before: mode === null || isActive === null ? null : { mode, isActive },
    lastVersion: row.last_version,
    isMixed: row.is_mixed,
    username,
    courseId: row.course_key,
  }
}
