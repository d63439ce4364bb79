import { sql, type Kysely, type RawBuilder, type Selectable } from 'kysely'
import type { DB, EnrollmentEvents } from '../database/schema.ts'
import type { Actor, ChangeKind, Via } from '../enrollment/command.ts'
import { cursorOf } from './cursor.ts'
import type { EnrollmentEvent } from './event.ts'

/** A table of events, or a part of it. */
export type EventSource = RawBuilder<Selectable<EnrollmentEvents>>

/** Selects events `v` with their enrollments `e`, learners `l` and course runs `c`. */
export function selectEvents(db: Kysely<DB>, source: EventSource = sql`enrollment_events`) {
  return db
    .selectFrom(source.as('v'))
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

export type EventRow = Awaited<ReturnType<ReturnType<typeof selectEvents>['execute']>>[number]

/** The casts are true by the check constraints of the table. */
export function eventOf(row: EventRow): EnrollmentEvent {
  const { before_mode: mode, before_is_active: isActive } = row
  return {
    id: row.id,
    cursor: cursorOf({ transaction: row.transaction_id, id: row.id }),
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
