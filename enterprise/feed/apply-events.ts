import { CompiledQuery, type Transaction } from 'kysely'
import type { EnrollmentEvent } from '../../routers/index.ts'
import type { EnterpriseDB } from '../database/schema.ts'

/** What events did to the records of all customers. */
export interface AppliedEvents {
  /** Records that say now that the enrollment has ended. */
  readonly ended: number
  /** Records whose enrollment is active again. */
  readonly resumed: number
  /** Fulfilments that were revoked. */
  readonly revoked: number
}

const NOTHING_APPLIED: AppliedEvents = { ended: 0, resumed: 0, revoked: 0 }

/**
 * Applies changes of enrollments to the records of all customers (enterprise C.5 "Record rules"): an enrollment that ended
 * flags them and revokes its fulfilments; one that is active again clears the flags and revives no fulfilment. The instant at
 * which a record was unenrolled is moved by no later end (enterprise-routes.md §7.8). A record
 * changes only by events that are newer than its version, so that what the extension did itself, and events that were applied
 * before, change nothing. Each revocation is logged in the name of whoever ended the enrollment.
 *
 * @param at an instant, ISO 8601.
 */
export async function applyEvents(
  trx: Transaction<EnterpriseDB>,
  events: readonly EnrollmentEvent[],
  at: string,
): Promise<AppliedEvents> {
  // There is no record of an enrollment before its first event.
  const changes = events.filter(({ kind }) => kind !== 'created')
  if (changes.length === 0) return NOTHING_APPLIED
  const enrollmentIds = changes.map(({ enrollmentId }) => enrollmentId)
  await trx.executeQuery(CompiledQuery.raw(LOCK, [[...new Set(enrollmentIds)]]))
  const { rows } = await trx.executeQuery<AppliedEvents>(
    CompiledQuery.raw(APPLY, [
      enrollmentIds,
      changes.map(({ version }) => version),
      changes.map(({ kind }) => kind),
      changes.map((event) => event.at),
      at,
      changes.map(({ actor }) => actor.kind),
      changes.map(({ actor }) => actor.name),
      changes.map(({ requestId, id }) => requestId ?? id),
      changes.map(({ reason }) => reason),
    ]),
  )
  return rows[0] ?? NOTHING_APPLIED
}

// Whoever writes what the extension knows of a learner takes this lock first.
const LOCK = `/* enterprise.lockLearners */
select l.id from learners l
where l.id in (
  select k.learner_id from enterprise_enrollment_records r join enterprise_learner_links k on k.id = r.link_id
  where r.enrollment_id = any ((select $1::bigint[])::bigint[])
)
order by l.id for no key update`

const APPLY = `/* enterprise.applyEvents */
with news as materialized (
  select r.id, max(e.version) as version, max(e.at) filter (where e.kind = 'deactivated') as ended_at,
    (array_agg(e.n order by e.version desc) filter (where e.kind = 'deactivated'))[1] as ended_by,
    bool_or(e.kind = 'reactivated') as has_resumed,
    (array_agg(e.kind order by e.version desc) filter (where e.kind <> 'modeChanged'))[1] as last
  from unnest((select $1::bigint[]), (select $2::integer[]), (select $3::text[]), (select $4::timestamptz[]))
    with ordinality as e (enrollment_id, version, kind, at, n)
  join enterprise_enrollment_records r on r.enrollment_id = e.enrollment_id and r.enrollment_version < e.version
  group by r.id
), revoked as (
  update enterprise_fulfilments f set revoked = n.ended_at, updated = $5::timestamptz
  from news n where f.record_id = n.id and n.ended_at is not null and f.revoked is null
  returning f.uuid, f.kind, f.funding_id, n.ended_at, n.ended_by
), traced as (
  insert into enterprise_revocations (fulfilment_uuid, kind, funding_id, actor_kind, actor_name, request_id, reason, at)
  select v.uuid, v.kind, v.funding_id, e.actor_kind, e.actor_name, e.request_id, e.reason, v.ended_at
  from revoked v
  join unnest((select $6::text[]), (select $7::text[]), (select $8::text[]), (select $9::text[])) with ordinality
    as e (actor_kind, actor_name, request_id, reason, n) on e.n = v.ended_by
), changed as (
  update enterprise_enrollment_records r
  set enrollment_version = n.version, updated = $5::timestamptz,
    unenrolled = case n.last when 'deactivated' then true when 'reactivated' then false else r.unenrolled end,
    unenrolled_at = case
      when n.last = 'reactivated' then null
      when n.last = 'deactivated' and not n.has_resumed then coalesce(r.unenrolled_at, n.ended_at)
      when n.last = 'deactivated' then n.ended_at
      else r.unenrolled_at end,
    saved_for_later = case n.last when 'deactivated' then true when 'reactivated' then false else r.saved_for_later end
  from news n where r.id = n.id
  returning n.last
)
select (select count(*)::integer from changed where last = 'deactivated') as ended,
  (select count(*)::integer from changed where last = 'reactivated') as resumed,
  (select count(*)::integer from revoked) as revoked`
