import { CompiledQuery, type Kysely } from 'kysely'
import { columnParameters, columnRows, type Column } from '../database/columns.ts'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import type { Stamp } from './command.ts'
import type { EnrollmentState } from './command.ts'
import type { PairPlan, Step } from './plan.ts'

/**
 * Writes planned changes in one statement, in the order of course and learner: a new row is inserted unless it exists by
 * now, an existing one is changed only at the version that was read, and each change of a written row leaves its event, in
 * the order of the commands. Locks are taken in that one order, so two overlapping batches never wait in a circle.
 *
 * @param pairs those with a step; one without is only held at the version that was read.
 */
export async function writeChanges(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  stampOf: (index: number) => Stamp,
): Promise<Written> {
  const rows = pairs.map(rowOf).toSorted((a, b) => a.courseId - b.courseId || a.learnerId - b.learnerId)
  const steps = rows
    .flatMap(({ pair }, place) => pair.steps.map((step) => ({ ...step, place, stamp: stampOf(step.index) })))
    .toSorted((a, b) => a.index - b.index)
  const { rows: answers } = await db.executeQuery<Answer>(
    CompiledQuery.raw(STATEMENT, [...columnParameters(ROW, rows), ...columnParameters(STEP, steps), rows.length]),
  )
  const ids = listOf(answers[0]?.ids)
  const events = listOf(answers[0]?.events).values()
  const written = answers[0]?.written === null ? null : new Set(listOf(answers[0]?.written))
  const isWritten = (place: number) => written === null || written.has(ids[place] ?? '')
  return {
    lost: new Set(rows.flatMap(({ pair }, place) => (isWritten(place) ? [] : [pair]))),
    enrollmentIds: new Map(rows.map(({ pair }, place) => [pair, ids[place] ?? ''])),
    eventIds: new Map(
      steps.flatMap(({ index, place }) => (isWritten(place) ? [[index, events.next().value ?? '']] : [])),
    ),
  }
}

/** What came of writing. */
export interface Written {
  /** Another transaction was faster with them: they have to be read and decided again. */
  readonly lost: ReadonlySet<PairPlan>
  /** The ids of the enrollments that were written or held. */
  readonly enrollmentIds: ReadonlyMap<PairPlan, string>
  /** The ids of the events, by the index of the command. */
  readonly eventIds: ReadonlyMap<number, string>
}

export const NOTHING_WRITTEN: Written = { lost: new Set(), enrollmentIds: new Map(), eventIds: new Map() }

/** Lists of ids, between commas. */
interface Answer {
  /** Of the rows, in their order. */
  readonly ids: string
  /** Of the events of the rows that were written, in the order of the steps. */
  readonly events: string | null
  /** Which of the rows were written; null: all of them. */
  readonly written: string | null
}

function listOf(ids: string | null | undefined): string[] {
  return ids ? ids.split(',') : []
}

interface Row extends EnrollmentState {
  readonly pair: PairPlan
  /** 0: none was there. */
  readonly readVersion: number
}

function rowOf(pair: PairPlan): Row & Pick<PairPlan, 'learnerId' | 'courseId'> {
  const { state, read, learnerId, courseId } = pair
  if (state === null) throw new RangeError('A pair that is written has a state')
  return { ...state, pair, learnerId, courseId, readVersion: read?.version ?? 0 }
}

const ROW: readonly Column<ReturnType<typeof rowOf>>[] = [
  { name: 'learner_id', type: 'integer', valuesOf: (rows) => rows.map(({ learnerId }) => learnerId) },
  { name: 'id', type: 'bigint', valuesOf: (rows) => rows.map(({ pair }) => pair.enrollmentId) },
  { name: 'course_id', type: 'integer', valuesOf: (rows) => rows.map(({ courseId }) => courseId) },
  { name: 'mode', type: 'text', valuesOf: (rows) => rows.map(({ mode }) => mode) },
  { name: 'is_active', type: 'boolean', valuesOf: (rows) => rows.map(({ isActive }) => isActive) },
  { name: 'version', type: 'integer', valuesOf: (rows) => rows.map(({ version }) => version) },
  { name: 'created', type: 'timestamptz', valuesOf: (rows) => rows.map(({ created }) => created) },
  { name: 'updated', type: 'timestamptz', valuesOf: (rows) => rows.map(({ updated }) => updated) },
  { name: 'read_version', type: 'integer', valuesOf: (rows) => rows.map(({ readVersion }) => readVersion) },
]

interface StampedStep extends Step {
  /** Of its row, from 0. */
  readonly place: number
  readonly stamp: Stamp
}

const STEP: readonly Column<StampedStep>[] = [
  { name: 'place', type: 'integer', valuesOf: (steps) => steps.map(({ place }) => place + 1) },
  { name: 'version', type: 'integer', valuesOf: (steps) => steps.map(({ version }) => version) },
  { name: 'kind', type: 'text', valuesOf: (steps) => steps.map(({ kind }) => kind) },
  { name: 'before_mode', type: 'text', valuesOf: (steps) => steps.map(({ before }) => before?.mode ?? null) },
  {
    name: 'before_is_active',
    type: 'boolean',
    valuesOf: (steps) => steps.map(({ before }) => before?.isActive ?? null),
  },
  { name: 'after_mode', type: 'text', valuesOf: (steps) => steps.map(({ after }) => after.mode) },
  { name: 'after_is_active', type: 'boolean', valuesOf: (steps) => steps.map(({ after }) => after.isActive) },
  { name: 'reason', type: 'text', valuesOf: (steps) => steps.map(({ reason }) => reason) },
  { name: 'enterprise_uuid', type: 'text', valuesOf: (steps) => steps.map(({ enterpriseUuid }) => enterpriseUuid) },
  { name: 'actor_kind', type: 'text', valuesOf: (steps) => steps.map(({ stamp }) => stamp.actor.kind) },
  { name: 'actor_name', type: 'text', valuesOf: (steps) => steps.map(({ stamp }) => stamp.actor.name) },
  { name: 'via', type: 'text', valuesOf: (steps) => steps.map(({ stamp }) => stamp.via) },
  { name: 'request_id', type: 'text', valuesOf: (steps) => steps.map(({ stamp }) => stamp.requestId ?? null) },
  { name: 'batch_id', type: 'uuid', valuesOf: (steps) => steps.map(({ stamp }) => stamp.batchId ?? null) },
  { name: 'at', type: 'timestamptz', valuesOf: (steps) => steps.map(({ stamp }) => instantFromDate(stamp.now)) },
]

const FIRST_OF_STEP = 1 + 2 * ROW.length
const COUNT = `$${FIRST_OF_STEP + 2 * STEP.length}::integer`
const IDS = `$${1 + 2 * ROW.findIndex(({ name }) => name === 'id')}::bigint[]`
const [READ_VERSIONS, READ_VERSION] = [`$${2 * ROW.length - 1}::integer[]`, `$${2 * ROW.length}::integer`]
const OF_EVENT = STEP.slice(1)
  .map(({ name }) => name)
  .join(', ')
const ID_OF_STEP = '((select array_agg(id order by n) from pair))[step.place]'

// A row that exists by now without having been read has another id than the one drawn for it: it is left alone.
// Nothing is joined: the plan that PostgreSQL keeps expects few rows, and would make nested loops of it. Which rows were
// written is looked at one by one only where some were not.
const STATEMENT = `/* enrollment.write */
with pair as materialized (
  select coalesce(id, nextval('enrollments_id_seq')) as id, learner_id, course_id, mode, is_active, version, created,
    updated, n
  from ${columnRows(ROW, 1)} as r
), written as (
  insert into enrollments as e (id, learner_id, course_id, mode, is_active, version, created, updated)
  overriding system value
  select id, learner_id, course_id, mode, is_active, version, created, updated from pair
  on conflict (learner_id, course_id) do update
  set mode = excluded.mode, is_active = excluded.is_active, version = excluded.version, updated = excluded.updated
  where e.id = excluded.id
    and e.version = coalesce((${READ_VERSIONS})[array_position(${IDS}, excluded.id)], ${READ_VERSION})
  returning id
), event as (
  insert into enrollment_events (enrollment_id, ${OF_EVENT})
  select ${ID_OF_STEP}, ${OF_EVENT} from ${columnRows(STEP, FIRST_OF_STEP)} as step
  where (select count(*) from written) = ${COUNT} or ${ID_OF_STEP} in (select id from written)
  returning id
)
select (select string_agg(id::text, ',' order by n) from pair) as ids,
  (select string_agg(id::text, ',') from event) as events,
  case when (select count(*) from written) < ${COUNT}
    then (select coalesce(string_agg(id::text, ','), '') from written) end as written`
