import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { Attribute } from '../enrollment/attributes.ts'
import type { Actor, Via } from '../enrollment/command.ts'
import { parseInstant } from './fields.ts'
import { PAGE_SIZE, pagesOf } from './pages.ts'

/** Exports the allowances. */
export function exportAllowances(db: Kysely<DB>): AsyncGenerator<string> {
  const allowances = db
    .selectFrom('enrollment_allowances as w')
    .leftJoin('learners as l', 'l.id', 'w.claimed_by')
    .select(['w.id', 'w.email', 'w.course_key', 'w.auto_enroll', 'l.username', 'w.made'])
    .orderBy('w.id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { id: number } | null) => allowances.where('w.id', '>', after?.id ?? 0).execute(),
    (row) => ({
      type: 'allowance',
      email: row.email,
      courseId: row.course_key,
      autoEnroll: row.auto_enroll,
      claimedBy: row.username,
      ...(row.made !== null && { created: row.made }),
    }),
  )
}

/**
 * Exports the enrollments with their attributes, by learner and course run: that order is an index, and no order of time
 * would tell apart what was imported at one instant.
 *
 * @param withHistory whether the events of all enrollments are written, and not only of those that have come with theirs.
 */
export function exportEnrollments(db: Kysely<DB>, withHistory: boolean): AsyncGenerator<string> {
  const enrollments = db
    .selectFrom('enrollments as e')
    .innerJoin('learners as l', 'l.id', 'e.learner_id')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .leftJoin('enrollment_lms_ids as i', 'i.enrollment_id', 'e.id')
    .select(['e.learner_id', 'e.course_id', 'l.username', 'c.course_key', 'e.mode', 'e.is_active', 'e.created'])
    .select(['i.lms_id', historyOf(withHistory).as('history')])
    .select(
      sql<Attribute[]>`(
        select coalesce(json_agg(json_build_object('namespace', a.namespace, 'name', a.name, 'value', a.value)
          order by a.position), '[]')
        from enrollment_attributes a where a.enrollment_id = e.id)`.as('attributes'),
    )
    .orderBy('e.learner_id')
    .orderBy('e.course_id')
    .limit(PAGE_SIZE)
  return pagesOf(
    (after: { learner_id: number; course_id: number } | null) =>
      enrollments
        .where(sql<boolean>`(e.learner_id, e.course_id) > (${after?.learner_id ?? 0}, ${after?.course_id ?? 0})`)
        .execute(),
    (row) => ({
      type: 'enrollment',
      username: row.username,
      courseId: row.course_key,
      mode: row.mode,
      isActive: row.is_active,
      created: row.created,
      attributes: row.attributes,
      ...(row.lms_id !== null && { id: row.lms_id }),
      ...(row.history !== null && { history: row.history.map(pastEvent) }),
    }),
  )
}

/** An event as PostgreSQL's JSON has it. */
interface EventRow {
  readonly at: string
  readonly mode: string
  readonly is_active: boolean
  readonly actor: Actor
  readonly via: Via
  readonly reason: string | null
  readonly enterprise_uuid: string | null
  readonly request_id: string | null
  readonly batch_id: string | null
}

function historyOf(isWanted: boolean): RawBuilder<EventRow[] | null> {
  return sql`case when ${isWanted}::boolean
      or exists (select from enrollment_events v where v.enrollment_id = e.id and v.is_imported) then (
    select json_agg(json_build_object('at', v.at at time zone 'UTC', 'mode', v.after_mode, 'is_active', v.after_is_active,
      'actor', json_build_object('kind', v.actor_kind, 'name', v.actor_name), 'via', v.via, 'reason', v.reason,
      'enterprise_uuid', v.enterprise_uuid, 'request_id', v.request_id, 'batch_id', v.batch_id) order by v.version)
    from enrollment_events v where v.enrollment_id = e.id) end`
}

function pastEvent({ at, mode, is_active, actor, via, reason, enterprise_uuid, request_id, batch_id }: EventRow) {
  return {
    at: parseInstant(`${at}Z`) ?? at,
    mode,
    isActive: is_active,
    actor,
    via,
    ...(reason !== null && { reason }),
    ...(enterprise_uuid !== null && { enterpriseUuid: enterprise_uuid }),
    ...(request_id !== null && { requestId: request_id }),
    ...(batch_id !== null && { batchId: batch_id }),
  }
}
