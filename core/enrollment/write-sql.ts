import { CompiledQuery } from 'kysely'
import { columnParameters, columnRows, plainParameters, plainRow, type Column } from '../database/columns.ts'
import { lockWait } from '../database/lock-wait.ts'
import { NUMBER_OF_EVENTS } from '../event/number.ts'
import { WAKE_AT_COMMIT } from '../event/wake.ts'
import type { EnrollmentState, CallMetadata } from './command.ts'
import type { PairPlan, Step } from './plan.ts'

/** A pair that is written. */
export interface RowToWrite extends PairPlan {
  state: EnrollmentState
}

/** A change of one of the rows. */
export interface StepToWrite {
  readonly step: Step
  /** Of its row, from 0. */
  readonly place: number
  readonly metadata: CallMetadata
}

/** Lists of ids, between commas. */
export interface WriteAnswer {
  /** Of the rows, in their order. */
  readonly ids: string
  /** Of the events of the rows that were written, in the order of the steps. */
  readonly events: string | null
  /** Which of the rows were written; null: all of them. */
  readonly written: string | null
}

export interface WriteStatementOptions {
  /** How long it waits for rows that somebody holds; undefined: as long as its transaction says. */
  readonly lockWaitMs: number | undefined
  /** Whether its commit wakes the readers of the feed: in a transaction whose end nobody hears of. */
  readonly wakes: boolean
  /** Writes in course runs that the LMS owns too: for what comes from there. */
  readonly whoeverOwns: boolean
}

/**
 * The statement that writes rows with the events of their steps.
 *
 * @param rows in the order in which they are to be locked.
 * @param steps in the order of the feed.
 */
export function writeStatement(
  rows: readonly RowToWrite[],
  steps: readonly StepToWrite[],
  { lockWaitMs, wakes, whoeverOwns }: WriteStatementOptions,
): CompiledQuery<WriteAnswer> {
  const isOne = rows.length === 1 && steps.length === 1 && !whoeverOwns
  const parameters = isOne
    ? [...plainParameters(ROW, rows), ...plainParameters(STEP, steps)]
    : [...columnParameters(ROW, rows), ...columnParameters(STEP, steps), rows.length]
  if (lockWaitMs !== undefined) {
    return CompiledQuery.raw(isOne ? WRITE_ONE_BRIEFLY : WRITE_BRIEFLY, [...parameters, String(lockWaitMs)])
  }
  if (whoeverOwns) return CompiledQuery.raw(wakes ? WRITE_WHOEVER_OWNS_AND_WAKE : WRITE_WHOEVER_OWNS, parameters)
  if (wakes) return CompiledQuery.raw(isOne ? WRITE_ONE_AND_WAKE : WRITE_AND_WAKE, parameters)
  return CompiledQuery.raw(isOne ? WRITE_ONE : WRITE, parameters)
}

const ROW: readonly Column<RowToWrite>[] = [
  { name: 'learner_id', type: 'integer', valuesOf: (rows) => rows.map(({ learnerId }) => learnerId) },
  { name: 'id', type: 'bigint', valuesOf: (rows) => rows.map(({ enrollmentId }) => enrollmentId) },
  { name: 'course_id', type: 'integer', valuesOf: (rows) => rows.map(({ courseId }) => courseId) },
  { name: 'mode', type: 'text', valuesOf: (rows) => rows.map(({ state }) => state.mode) },
  { name: 'is_active', type: 'boolean', valuesOf: (rows) => rows.map(({ state }) => state.isActive) },
  { name: 'version', type: 'integer', valuesOf: (rows) => rows.map(({ state }) => state.version) },
  { name: 'created', type: 'timestamptz', valuesOf: (rows) => rows.map(({ state }) => state.created) },
  { name: 'updated', type: 'timestamptz', valuesOf: (rows) => rows.map(({ state }) => state.updated) },
  // 0: none was there.
  { name: 'read_version', type: 'integer', valuesOf: (rows) => rows.map(({ read }) => read?.version ?? 0) },
]

const STEP: readonly Column<StepToWrite>[] = [
  { name: 'place', type: 'integer', valuesOf: (steps) => steps.map(({ place }) => place + 1) },
  { name: 'version', type: 'integer', valuesOf: (steps) => steps.map(({ step }) => step.version) },
  { name: 'kind', type: 'text', valuesOf: (steps) => steps.map(({ step }) => step.kind) },
  { name: 'before_mode', type: 'text', valuesOf: (steps) => steps.map(({ step }) => step.before?.mode ?? null) },
  {
    name: 'before_is_active',
    type: 'boolean',
    valuesOf: (steps) => steps.map(({ step }) => step.before?.isActive ?? null),
  },
  { name: 'after_mode', type: 'text', valuesOf: (steps) => steps.map(({ step }) => step.after.mode) },
  { name: 'after_is_active', type: 'boolean', valuesOf: (steps) => steps.map(({ step }) => step.after.isActive) },
  { name: 'reason', type: 'text', valuesOf: (steps) => steps.map(({ step }) => step.reason) },
  { name: 'enterprise_uuid', type: 'text', valuesOf: (steps) => steps.map(({ step }) => step.enterpriseUuid) },
  { name: 'actor_kind', type: 'text', valuesOf: (steps) => steps.map(({ metadata }) => metadata.actor.kind) },
  { name: 'actor_name', type: 'text', valuesOf: (steps) => steps.map(({ metadata }) => metadata.actor.name) },
  { name: 'via', type: 'text', valuesOf: (steps) => steps.map(({ metadata }) => metadata.via) },
  { name: 'request_id', type: 'text', valuesOf: (steps) => steps.map(({ metadata }) => metadata.requestId ?? null) },
  { name: 'batch_id', type: 'uuid', valuesOf: (steps) => steps.map(({ metadata }) => metadata.batchId ?? null) },
  { name: 'at', type: 'timestamptz', valuesOf: (steps) => steps.map(({ step }) => step.at) },
]

const FIRST_OF_STEP = 1 + 2 * ROW.length
const COUNT = `$${FIRST_OF_STEP + 2 * STEP.length}::integer`
const IDS = `$${1 + 2 * ROW.findIndex(({ name }) => name === 'id')}::bigint[]`
const [READ_VERSIONS, READ_VERSION] = [`$${2 * ROW.length - 1}::integer[]`, `$${2 * ROW.length}::integer`]
const COURSE = ROW.findIndex(({ name }) => name === 'course_id')
const OF_EVENT = STEP.slice(1)
  .map(({ name }) => name)
  .join(', ')
const ID_OF_STEP = '((select array_agg(id order by n) from pair))[step.place]'

// The owner is looked at in the snapshot of the write: it may have changed since the facts were read (adoption.md §3).
const ALL_OWNED_HERE = `where course_id <> all (coalesce((
    select array_agg(c.id) from courses c
    where c.id = any ((select $${1 + 2 * COURSE}::integer[] || $${2 + 2 * COURSE}::integer)::integer[]) and c.owner <> 'here'
  ), '{}')::integer[])`
const ONE_OWNED_HERE = `where (select c.owner from courses c where c.id = $${1 + COURSE}::integer) = 'here'`

// Nothing is joined: the plan that PostgreSQL keeps expects few rows, and would make nested loops of it. Which rows were
// written is looked at one by one only where some were not.
const WRITE = `/* enrollment.write */ with ${writeAll('')}`
const WRITE_WHOEVER_OWNS = `/* enrollment.writeWhoeverOwns */ with ${writeAll('', '')}`
const WRITE_WHOEVER_OWNS_AND_WAKE = `/* enrollment.writeWhoeverOwnsAndWake */ with ${writeAll('', '')}, ${WAKE_AT_COMMIT}`
const WRITE_AND_WAKE = `/* enrollment.writeAndWake */ with ${writeAll('')}, ${WAKE_AT_COMMIT}`
const WRITE_BRIEFLY = `/* enrollment.writeBriefly */ with ${lockWait(FIRST_OF_STEP + 2 * STEP.length + 1)}, ${writeAll(', lock_wait')}`

// The same for a lone row with a lone step, as most calls are: without arrays it takes half the time to begin.
const WRITE_ONE = `/* enrollment.writeOne */ with ${writeOne('')}`
const WRITE_ONE_AND_WAKE = `/* enrollment.writeOneAndWake */ with ${writeOne('')}, ${WAKE_AT_COMMIT}`
const WRITE_ONE_BRIEFLY = `/* enrollment.writeOneBriefly */ with ${lockWait(1 + ROW.length + STEP.length)}, ${writeOne(', lock_wait')}`

function writeAll(after: string, condition = ALL_OWNED_HERE): string {
  const readVersion = `coalesce((${READ_VERSIONS})[array_position(${IDS}, excluded.id)], ${READ_VERSION})`
  return `${written(columnRows(ROW, 1), after, condition, readVersion)},
event as (
  insert into enrollment_events (transaction_id, enrollment_id, ${OF_EVENT})
  select ${NUMBER_OF_EVENTS}, ${ID_OF_STEP}, ${OF_EVENT} from ${columnRows(STEP, FIRST_OF_STEP)} as step
  where (select count(*) from written) = ${COUNT} or ${ID_OF_STEP} in (select id from written)
  returning id
)
select (select string_agg(id::text, ',' order by n) from pair) as ids,
  (select string_agg(id::text, ',') from event) as events,
  case when (select count(*) from written) < ${COUNT}
    then (select coalesce(string_agg(id::text, ','), '') from written) end as written`
}

function writeOne(after: string): string {
  return `${written(plainRow(ROW, 1), after, ONE_OWNED_HERE, `$${ROW.length}::integer`)},
event as (
  insert into enrollment_events (enrollment_id, ${OF_EVENT})
  select written.id, ${OF_EVENT} from written, ${plainRow(STEP, 1 + ROW.length)} as step
  returning id
)
select (select id::text from pair) as ids, (select id::text from event) as events,
  case when not exists (select from written) then '' end as written`
}

/**
 * Inserts new rows with ids that are drawn here, and changes those that were read. A row that exists by now without having
 * been read has another id than the one drawn for it: it is left alone.
 *
 * @param after what is evaluated before the first row is written.
 * @param condition which rows may be written at all.
 */
function written(rows: string, after: string, condition: string, readVersion: string): string {
  return `pair as materialized (
  select coalesce(id, nextval('enrollments_id_seq')) as id, learner_id, course_id, mode, is_active, version, created,
    updated, n
  from ${rows} as r${after}
), written as (
  insert into enrollments as e (id, learner_id, course_id, mode, is_active, version, created, updated)
  overriding system value
  select id, learner_id, course_id, mode, is_active, version, created, updated from pair ${condition}
  on conflict (learner_id, course_id) do update
  set mode = excluded.mode, is_active = excluded.is_active, version = excluded.version, updated = excluded.updated
  where e.id = excluded.id and e.version = ${readVersion}
  returning id
)`
}
