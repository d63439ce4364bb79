import { CompiledQuery, type Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import type { Stamp } from './command.ts'
import type { Attribute } from './attributes.ts'
import type { PairPlan } from './plan.ts'

/**
 * Writes planned changes in one statement, in the order of course and learner: a new row is inserted unless it exists by
 * now, an existing one is changed only at the version that was read, and each change of a written row leaves its event,
 * in the order of the commands. Locks are taken in that one order, so two overlapping batches never wait in a circle.
 *
 * @param pairs those with a step; one without is only held at the version that was read.
 * @returns for each enrollment that was written or is held, by its id, the ids of its events by version; a pair that is
 *   absent lost a race and has to be read and decided again.
 */
export async function writeChanges(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  stampOf: (index: number) => Stamp,
): Promise<Map<string, Map<number, string>>> {
  const held = pairs.filter((pair) => pair.steps.length === 0).map((pair) => pair.enrollmentId)
  const { rows } = await db.executeQuery<{ id: string | null; enrollment_id: string; version: number }>(
    CompiledQuery.raw(STATEMENT, [...pairColumns(pairs), ...stepColumns(pairs, stampOf), held]),
  )
  const events = new Map<string, Map<number, string>>()
  for (const { id, enrollment_id: enrollmentId, version } of rows) {
    const known = events.get(enrollmentId) ?? new Map<number, string>()
    if (id !== null) known.set(version, id)
    events.set(enrollmentId, known)
  }
  return events
}

/** Replaces the attributes of enrollments, each list in its order. Belongs into a transaction. */
export async function replaceAttributes(
  db: Kysely<DB>,
  enrollments: readonly { enrollmentId: string; attributes: readonly Attribute[] }[],
): Promise<void> {
  const ids = enrollments.map(({ enrollmentId }) => enrollmentId)
  await db.deleteFrom('enrollment_attributes').where('enrollment_id', 'in', ids).execute()
  const rows = enrollments.flatMap(({ enrollmentId, attributes }) =>
    attributes.map((attribute, position) => ({ enrollmentId, position, ...attribute })),
  )
  if (rows.length === 0) return
  await db.executeQuery(
    CompiledQuery.raw(
      `insert into enrollment_attributes (enrollment_id, position, namespace, name, value)
       select * from unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::text[])`,
      [
        rows.map((row) => row.enrollmentId),
        rows.map((row) => row.position),
        rows.map((row) => row.namespace),
        rows.map((row) => row.name),
        rows.map((row) => row.value),
      ],
    ),
  )
}

/**
 * Claims allowances for their first users, who join the cohorts that were meant for them. Belongs into a transaction,
 * before the enrollments are written.
 *
 * @returns the ids that were still unclaimed.
 */
export async function claimAllowances(
  db: Kysely<DB>,
  claims: readonly { allowanceId: number; learnerId: number }[],
): Promise<Set<number>> {
  const { rows } = await db.executeQuery<{ id: number }>(
    CompiledQuery.raw(
      `with claim as (select * from unnest($1::integer[], $2::integer[]) as c (id, learner_id)),
       unclaimed as materialized (
         select w.id, w.email, w.course_key, c.learner_id from enrollment_allowances w join claim c using (id)
         where w.claimed_by is null order by w.id for update of w),
       expected as (
         delete from cohort_preassignments p using unclaimed u join courses on courses.course_key = u.course_key
         where p.course_id = courses.id and lower(p.email) = lower(u.email)
         returning p.course_id, u.learner_id, p.cohort_id),
       joined as (
         insert into cohort_members (course_id, learner_id, cohort_id)
         select course_id, learner_id, cohort_id from expected order by course_id, learner_id
         on conflict (course_id, learner_id) do nothing)
       update enrollment_allowances w set claimed_by = u.learner_id from unclaimed u where w.id = u.id returning w.id`,
      [claims.map((claim) => claim.allowanceId), claims.map((claim) => claim.learnerId)],
    ),
  )
  return new Set(rows.map((row) => row.id))
}

function pairColumns(pairs: readonly PairPlan[]): unknown[][] {
  const states = pairs.map((pair) => pair.state)
  return [
    pairs.map((pair) => pair.enrollmentId),
    pairs.map((pair) => pair.learnerId),
    pairs.map((pair) => pair.courseId),
    states.map((state) => state?.mode),
    states.map((state) => state?.isActive),
    states.map((state) => state?.version),
    states.map((state) => state?.created),
    states.map((state) => state?.updated),
    pairs.map((pair) => pair.read?.version ?? 0),
  ]
}

/** The stamp stands once where all steps share it, otherwise beside each step. */
function stepColumns(pairs: readonly PairPlan[], stampOf: (index: number) => Stamp): unknown[] {
  const steps = pairs.flatMap((pair) => pair.steps.map((step) => ({ ...step, enrollmentId: pair.enrollmentId })))
  steps.sort((a, b) => a.index - b.index)
  const all = steps.map((step) => stampOf(step.index))
  const shared = all.every((stamp) => stamp === all[0])
  const stamps = shared ? all.slice(0, 1) : all
  return [
    steps.map((step) => step.enrollmentId),
    steps.map((step) => step.version),
    steps.map((step) => step.kind),
    steps.map((step) => step.before?.mode ?? null),
    steps.map((step) => step.before?.isActive ?? null),
    steps.map((step) => step.after.mode),
    steps.map((step) => step.after.isActive),
    steps.map((step) => step.reason),
    steps.map((step) => step.enterpriseUuid),
    stamps.map((stamp) => stamp.actor.kind),
    stamps.map((stamp) => stamp.actor.name),
    stamps.map((stamp) => stamp.via),
    stamps.map((stamp) => stamp.requestId ?? null),
    stamps.map((stamp) => stamp.batchId ?? null),
    stamps.map((stamp) => instantFromDate(stamp.now)),
    shared,
  ]
}

// The arrays stand in subqueries so that PostgreSQL keeps the general plan, see the statement of the facts. That plan
// expects few rows, so nothing is joined here: what was not written is found by a set operation.
// A row that exists by now without having been read has another id than the one drawn for it: it is left alone.
const STATEMENT = `/* enrollment.write */
with pair as materialized (
  select * from unnest((select $1::bigint[]), (select $2::integer[]), (select $3::integer[]), (select $4::text[]),
    (select $5::boolean[]), (select $6::integer[]), (select $7::timestamptz[]), (select $8::timestamptz[]))
    as p (id, learner_id, course_id, mode, is_active, version, created, updated)
), written as (
  insert into enrollments as e (id, learner_id, course_id, mode, is_active, version, created, updated)
  overriding system value
  select * from pair order by course_id, learner_id
  on conflict (learner_id, course_id) do update
  set mode = excluded.mode, is_active = excluded.is_active, version = excluded.version, updated = excluded.updated
  where e.id = excluded.id and e.version = ($9::integer[])[array_position($1::bigint[], excluded.id)]
  returning id
), lost as (
  select id from pair except select id from written
), event as (
insert into enrollment_events (enrollment_id, version, kind, before_mode, before_is_active, after_mode,
  after_is_active, reason, enterprise_uuid, actor_kind, actor_name, via, request_id, batch_id, at)
select s.enrollment_id, s.version, s.kind, s.before_mode, s.before_is_active, s.after_mode, s.after_is_active,
  s.reason, s.enterprise_uuid,
  case when $25::boolean then ($19::text[])[1] else s.actor_kind end,
  case when $25::boolean then ($20::text[])[1] else s.actor_name end,
  case when $25::boolean then ($21::text[])[1] else s.via end,
  case when $25::boolean then ($22::text[])[1] else s.request_id end,
  case when $25::boolean then ($23::uuid[])[1] else s.batch_id end,
  case when $25::boolean then ($24::timestamptz[])[1] else s.at end
from unnest((select $10::bigint[]), (select $11::integer[]), (select $12::text[]), (select $13::text[]),
    (select $14::boolean[]), (select $15::text[]), (select $16::boolean[]), (select $17::text[]),
    (select $18::text[]), (select $19::text[]), (select $20::text[]), (select $21::text[]), (select $22::text[]),
    (select $23::uuid[]), (select $24::timestamptz[])) with ordinality
  as s (enrollment_id, version, kind, before_mode, before_is_active, after_mode, after_is_active, reason,
    enterprise_uuid, actor_kind, actor_name, via, request_id, batch_id, at, n)
where s.enrollment_id <> all ((select coalesce(array_agg(id), '{}') from lost)::bigint[])
order by s.n
returning id, enrollment_id, version
)
select id, enrollment_id, version from event
union all select null, id, null from written where id = any ($26::bigint[])`
