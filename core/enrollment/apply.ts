import { CompiledQuery, type Kysely } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import type { Stamp } from './command.ts'
import type { Attribute } from './decide.ts'
import type { PairPlan } from './plan.ts'

/** What a pair became: the ids of its row and, in the order of its steps, of its events. */
export interface Written {
  readonly enrollmentId: string
  readonly eventIds: readonly string[]
}

/**
 * Writes planned changes in one statement: existing rows are locked in the order of course and learner and changed only
 * at the version that was read, new rows are inserted in that order unless they exist by now, and each change of a
 * written row leaves its event, in the order of the commands. Two overlapping batches therefore never deadlock.
 *
 * @param pairs those with at least one step.
 * @returns what was written; a pair that is absent lost a race and has to be read and decided again.
 */
export async function writeChanges(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  stampOf: (index: number) => Stamp,
): Promise<Map<PairPlan, Written>> {
  const stamps = new Map<Stamp, number>()
  const columns = pairColumns(pairs)
  const steps = pairs.flatMap((pair, position) => pair.steps.map((step) => ({ step, pair: position + 1 })))
  steps.sort((a, b) => a.step.index - b.step.index)
  for (const { step, pair } of steps) addStep(columns, pair, step, stampOf(step.index), stamps)
  const { rows } = await db.executeQuery<{ n: number; enrollment_id: string; version: number; event_id: string }>(
    CompiledQuery.raw(STATEMENT, [...Object.values(columns), ...stampColumns([...stamps.keys()])]),
  )
  return collect(pairs, rows)
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
 * Claims allowances for their first users. Belongs into a transaction, before the enrollments are written.
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
         select w.id, c.learner_id from enrollment_allowances w join claim c using (id)
         where w.claimed_by is null order by w.id for update of w)
       update enrollment_allowances w set claimed_by = u.learner_id from unclaimed u where w.id = u.id returning w.id`,
      [claims.map((claim) => claim.allowanceId), claims.map((claim) => claim.learnerId)],
    ),
  )
  return new Set(rows.map((row) => row.id))
}

/** The columns of the statement's first two tables, in the order of its parameters. */
function pairColumns(pairs: readonly PairPlan[]) {
  const states = pairs.map((pair) => pair.state)
  return {
    enrollmentIds: pairs.map((pair) => pair.read?.id ?? null),
    learnerIds: pairs.map((pair) => pair.learnerId),
    courseIds: pairs.map((pair) => pair.courseId),
    readVersions: pairs.map((pair) => pair.read?.version ?? null),
    modes: states.map((state) => state?.mode),
    isActive: states.map((state) => state?.isActive),
    versions: states.map((state) => state?.version),
    created: states.map((state) => state?.created),
    updated: states.map((state) => state?.updated),
    stepPairs: [] as number[],
    stepStamps: [] as number[],
    stepVersions: [] as number[],
    kinds: [] as string[],
    beforeModes: [] as (string | null)[],
    beforeIsActive: [] as (boolean | null)[],
    afterModes: [] as string[],
    afterIsActive: [] as boolean[],
    reasons: [] as (string | null)[],
    enterpriseUuids: [] as (string | null)[],
  }
}

function addStep(
  columns: ReturnType<typeof pairColumns>,
  pair: number,
  step: PairPlan['steps'][number],
  stamp: Stamp,
  stamps: Map<Stamp, number>,
): void {
  const number = stamps.get(stamp) ?? stamps.size + 1
  stamps.set(stamp, number)
  columns.stepPairs.push(pair)
  columns.stepStamps.push(number)
  columns.stepVersions.push(step.version)
  columns.kinds.push(step.kind)
  columns.beforeModes.push(step.before?.mode ?? null)
  columns.beforeIsActive.push(step.before?.isActive ?? null)
  columns.afterModes.push(step.after.mode)
  columns.afterIsActive.push(step.after.isActive)
  columns.reasons.push(step.reason)
  columns.enterpriseUuids.push(step.enterpriseUuid)
}

function stampColumns(stamps: readonly Stamp[]): unknown[][] {
  return [
    stamps.map((stamp) => stamp.actor.kind),
    stamps.map((stamp) => stamp.actor.name),
    stamps.map((stamp) => stamp.via),
    stamps.map((stamp) => stamp.requestId ?? null),
    stamps.map((stamp) => stamp.batchId ?? null),
    stamps.map((stamp) => instantFromDate(stamp.now)),
  ]
}

function collect(
  pairs: readonly PairPlan[],
  rows: readonly { n: number; enrollment_id: string; version: number; event_id: string }[],
): Map<PairPlan, Written> {
  const written = new Map<PairPlan, { enrollmentId: string; eventIds: string[] }>()
  for (const row of rows) {
    const pair = pairs[Number(row.n) - 1]
    const first = pair?.steps[0]
    if (pair === undefined || first === undefined) continue
    const entry = written.get(pair) ?? { enrollmentId: row.enrollment_id, eventIds: [] }
    entry.eventIds[row.version - first.version] = row.event_id
    written.set(pair, entry)
  }
  return written
}

// The inserts wait for the updates (the count of `changed`), so that both kinds of locks are taken in one known order.
const STATEMENT = `/* enrollment.write */
with pair as materialized (
  select * from unnest($1::bigint[], $2::integer[], $3::integer[], $4::integer[], $5::text[], $6::boolean[],
    $7::integer[], $8::timestamptz[], $9::timestamptz[]) with ordinality
    as p (enrollment_id, learner_id, course_id, read_version, mode, is_active, version, created, updated, n)
), locked as materialized (
  select e.id, p.n, p.mode, p.is_active, p.version, p.updated
  from pair p join enrollments e on e.id = p.enrollment_id and e.version = p.read_version
  order by e.course_id, e.learner_id
  for no key update of e
), changed as (
  update enrollments e
  set mode = l.mode, is_active = l.is_active, version = l.version, updated = l.updated
  from locked l where e.id = l.id
  returning e.id, e.learner_id, e.course_id
), inserted as (
  insert into enrollments (learner_id, course_id, version, is_active, mode, created, updated)
  select p.learner_id, p.course_id, p.version, p.is_active, p.mode, p.created, p.updated
  from pair p
  where p.enrollment_id is null and (select count(*) from changed) >= 0
  order by p.course_id, p.learner_id
  on conflict (learner_id, course_id) do nothing
  returning id, learner_id, course_id
), written as materialized (
  select p.n, w.id
  from (select * from changed union all select * from inserted) w
  join pair p on p.learner_id = w.learner_id and p.course_id = w.course_id
), event as (
  insert into enrollment_events (enrollment_id, version, kind, before_mode, before_is_active, after_mode,
    after_is_active, actor_kind, actor_name, via, reason, enterprise_uuid, request_id, batch_id, at)
  select w.id, s.version, s.kind, s.before_mode, s.before_is_active, s.after_mode, s.after_is_active,
    t.actor_kind, t.actor_name, t.via, s.reason, s.enterprise_uuid, t.request_id, t.batch_id, t.at
  from unnest($10::integer[], $11::integer[], $12::integer[], $13::text[], $14::text[], $15::boolean[],
      $16::text[], $17::boolean[], $18::text[], $19::text[]) with ordinality
    as s (pair, stamp, version, kind, before_mode, before_is_active, after_mode, after_is_active, reason,
      enterprise_uuid, n)
  join written w on w.n = s.pair
  join unnest($20::text[], $21::text[], $22::text[], $23::text[], $24::uuid[], $25::timestamptz[]) with ordinality
    as t (actor_kind, actor_name, via, request_id, batch_id, at, n) on t.n = s.stamp
  order by s.n
  returning id, enrollment_id, version
)
select w.n, v.enrollment_id, v.version, v.id as event_id
from event v join written w on w.id = v.enrollment_id`
