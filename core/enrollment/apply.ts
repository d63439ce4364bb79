import { CompiledQuery, type Kysely } from 'kysely'
import { columnParameters, columnRows, type Column } from '../database/columns.ts'
import { instantFromDate } from '../database/instant.ts'
import type { DB } from '../database/schema.ts'
import type { Stamp } from './command.ts'
import type { EnrollmentState } from './command.ts'
import type { PairPlan, Step } from './plan.ts'

/**
 * Writes planned changes in one statement, in the order of course and learner: a new row is inserted unless it exists by
 * now, an existing one is changed only at the version that was read, and each change of a written row leaves its event,
 * whose id was drawn before. Locks are taken in that one order, so two overlapping batches never wait in a circle.
 *
 * @param pairs those with a step; one without is only held at the version that was read.
 * @returns the pairs that were not written: they lost a race and have to be read and decided again.
 */
export async function writeChanges(
  db: Kysely<DB>,
  pairs: readonly PairPlan[],
  stampOf: (index: number) => Stamp,
): Promise<ReadonlySet<PairPlan>> {
  const rows = pairs.map(rowOf).toSorted((a, b) => a.courseId - b.courseId || a.learnerId - b.learnerId)
  const steps = pairs.flatMap(({ steps, enrollmentId }) =>
    steps.map((step) => ({ ...step, enrollmentId, stamp: stampOf(step.index) })),
  )
  const { rows: answers } = await db.executeQuery<{ written: number; ids: string[] | null }>(
    CompiledQuery.raw(STATEMENT, [...columnParameters(ROW, rows), ...columnParameters(STEP, steps), rows.length]),
  )
  const [answer] = answers
  if (answer?.written === rows.length) return new Set()
  const written = new Set(answer?.ids)
  return new Set(pairs.filter(({ enrollmentId }) => !written.has(enrollmentId)))
}

interface Row extends EnrollmentState {
  readonly learnerId: number
  readonly courseId: number
  /** 0: none was there. */
  readonly readVersion: number
}

function rowOf({ enrollmentId, learnerId, courseId, read, state }: PairPlan): Row {
  if (state === null) throw new RangeError('A pair that is written has a state')
  return { ...state, id: enrollmentId, learnerId, courseId, readVersion: read?.version ?? 0 }
}

const ROW: readonly Column<Row>[] = [
  { name: 'id', type: 'bigint', valuesOf: (rows) => rows.map(({ id }) => id) },
  { name: 'learner_id', type: 'integer', valuesOf: (rows) => rows.map(({ learnerId }) => learnerId) },
  { name: 'course_id', type: 'integer', valuesOf: (rows) => rows.map(({ courseId }) => courseId) },
  { name: 'mode', type: 'text', valuesOf: (rows) => rows.map(({ mode }) => mode) },
  { name: 'is_active', type: 'boolean', valuesOf: (rows) => rows.map(({ isActive }) => isActive) },
  { name: 'version', type: 'integer', valuesOf: (rows) => rows.map(({ version }) => version) },
  { name: 'created', type: 'timestamptz', valuesOf: (rows) => rows.map(({ created }) => created) },
  { name: 'updated', type: 'timestamptz', valuesOf: (rows) => rows.map(({ updated }) => updated) },
  { name: 'read_version', type: 'integer', valuesOf: (rows) => rows.map(({ readVersion }) => readVersion) },
]

type StampedStep = Step & { readonly enrollmentId: string; readonly stamp: Stamp }

const STEP: readonly Column<StampedStep>[] = [
  { name: 'id', type: 'bigint', valuesOf: (steps) => steps.map(({ eventId }) => eventId) },
  { name: 'enrollment_id', type: 'bigint', valuesOf: (steps) => steps.map(({ enrollmentId }) => enrollmentId) },
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
const COUNT = `$${FIRST_OF_STEP + 2 * STEP.length}`
const [IDS, READ_VERSIONS, READ_VERSION] = ['$1', `$${2 * ROW.length - 1}`, `$${2 * ROW.length}`]
const STEP_NAMES = STEP.map(({ name }) => name).join(', ')

// A row that exists by now without having been read has another id than the one drawn for it: it is left alone.
// Nothing is joined: the plan that PostgreSQL keeps expects few rows, and would make nested loops of it. Which rows were
// written is looked at one by one only where some were not.
const STATEMENT = `/* enrollment.write */
with written as (
  insert into enrollments as e (id, learner_id, course_id, mode, is_active, version, created, updated)
  overriding system value
  select id, learner_id, course_id, mode, is_active, version, created, updated from ${columnRows(ROW, 1)} as pair
  on conflict (learner_id, course_id) do update
  set mode = excluded.mode, is_active = excluded.is_active, version = excluded.version, updated = excluded.updated
  where e.id = excluded.id and e.version = coalesce(
    (${READ_VERSIONS}::integer[])[array_position(${IDS}::bigint[], excluded.id)], ${READ_VERSION}::integer)
  returning id
), event as (
  insert into enrollment_events (${STEP_NAMES}) overriding system value
  select ${STEP_NAMES} from ${columnRows(STEP, FIRST_OF_STEP)} as step
  where (select count(*) from written) = ${COUNT}::integer or step.enrollment_id in (select id from written)
)
select count(*)::integer as written, case when count(*) < ${COUNT}::integer then array_agg(id) end as ids from written`
