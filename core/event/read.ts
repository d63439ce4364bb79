import { sql, type Kysely } from 'kysely'
import { courseKeyOf } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import type { Actor, ChangeKind, Via } from '../enrollment/command.ts'
import { isLearner } from '../learner/lookup-sql.ts'
import type { LearnerRef } from '../learner/ref.ts'
import type { EnrollmentEvent } from './event.ts'

/** The place in the feed before all events. */
export const FEED_START = '0-0'

/** Whether the text has the form of a feed cursor. */
export function isFeedCursor(text: string): boolean {
  return CURSOR.test(text)
}

/** Reads all events of one enrollment, oldest first; none where there is no enrollment. */
export async function readHistory(db: Kysely<DB>, learner: LearnerRef, courseId: string): Promise<EnrollmentEvent[]> {
  const rows = await selectEvents(db)
    .where('c.course_key', '=', courseKeyOf(courseId).stored)
    .where((eb) => isLearner(eb, learner))
    .orderBy('v.version')
    .execute()
  return rows.map(eventOf)
}

/**
 * Reads the feed of all changes after a cursor. Only events of transactions that ended before every transaction still
 * running are shown, in the order of transactions, so that a reader who continues after the cursor never skips an event
 * that commits late.
 *
 * @param page.after a cursor of this feed.
 * @returns the events, and the cursor to continue after.
 */
export async function listEvents(
  db: Kysely<DB>,
  page: { after: string; limit: number },
): Promise<{ events: EnrollmentEvent[]; cursor: string }> {
  const [, transactionId, id] = CURSOR.exec(page.after) ?? []
  if (transactionId === undefined || id === undefined) throw new RangeError('Not a cursor of the feed')
  const rows = await selectEvents(db)
    .where(sql<boolean>`(v.transaction_id, v.id) > (${transactionId}::text::xid8, ${id}::bigint)`)
    .where(sql<boolean>`v.transaction_id < pg_snapshot_xmin(pg_current_snapshot())`)
    .orderBy('v.transaction_id')
    .orderBy('v.id')
    .limit(page.limit)
    .execute()
  const events = rows.map(eventOf)
  return { events, cursor: events.at(-1)?.cursor ?? page.after }
}

const CURSOR = /^(\d{1,19})-(\d{1,18})$/

function selectEvents(db: Kysely<DB>) {
  return db
    .selectFrom('enrollment_events as v')
    .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select([
      'v.transaction_id',
      'v.id',
      'v.enrollment_id',
      'v.version',
      'v.kind',
      'l.user_id',
      'l.username',
      'c.course_key',
      'v.before_mode',
      'v.before_is_active',
      'v.after_mode',
      'v.after_is_active',
      'v.actor_kind',
      'v.actor_name',
      'v.via',
      'v.reason',
      'v.enterprise_uuid',
      'v.request_id',
      'v.batch_id',
      'v.at',
    ])
}

type EventRow = Awaited<ReturnType<ReturnType<typeof selectEvents>['execute']>>[number]

/** The casts are true by the check constraints of the table. */
function eventOf(row: EventRow): EnrollmentEvent {
  const { before_mode: mode, before_is_active: isActive } = row
  return {
    id: row.id,
    cursor: `${row.transaction_id}-${row.id}`,
    enrollmentId: row.enrollment_id,
    version: row.version,
    kind: row.kind as ChangeKind,
    userId: String(row.user_id),
    username: row.username,
    courseId: row.course_key,
    before: mode === null || isActive === null ? null : { mode, isActive },
    after: { mode: row.after_mode, isActive: row.after_is_active },
    actor: { kind: row.actor_kind as Actor['kind'], name: row.actor_name },
    via: row.via as Via,
    reason: row.reason,
    enterpriseUuid: row.enterprise_uuid,
    requestId: row.request_id,
    batchId: row.batch_id,
    at: row.at,
  }
}
