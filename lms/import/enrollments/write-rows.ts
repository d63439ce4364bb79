import { CompiledQuery, sql, type Transaction } from 'kysely'
import { columnParameters, columnRows, type Column } from '../../../core/database/columns.ts'
import type { Actor } from '../../../core/enrollment/command.ts'
import type { Step } from '../../../core/enrollment/plan.ts'
import { replaceAttributes } from '../../../core/enrollment/write-attributes.ts'
import type { LmsDB } from '../../database/schema.ts'
import { keepDigests } from './attribute-digests.ts'
import type { RowPlan } from './plan-row.ts'

/** A plan whose enrollment has an id: its own, or the one that it gets. */
export interface WritablePlan extends RowPlan {
  readonly id: string
}

export interface WriteOptions {
  /** Whether the events tell of what happened before the import. */
  readonly isImported: boolean
}

/**
 * Writes what enrollments of the LMS come to: their rows, events, attributes, and the ids that the LMS has for them.
 *
 * @returns those that another transaction has written since they were read: nothing of them was written.
 */
export async function writeRows(
  trx: Transaction<LmsDB>,
  plans: readonly WritablePlan[],
  options: WriteOptions,
): Promise<ReadonlySet<WritablePlan>> {
  const lost = new Set<WritablePlan>([
    ...(await writeEnrollments(trx, INSERT, plans.filter(isNew))),
    ...(await writeEnrollments(trx, UPDATE, plans.filter(isChanging))),
  ])
  const written = lost.size === 0 ? plans : plans.filter((plan) => !lost.has(plan))
  await writeEvents(trx, written, options)
  await writeIds(trx, written)
  await writeAttributes(trx, written)
  return lost
}

function isNew({ pair }: RowPlan): boolean {
  return pair.read === null
}

function isChanging({ pair: { read, state, steps } }: RowPlan): boolean {
  return read !== null && (steps.length > 0 || state.created !== read.created)
}

const ROW: readonly Column<WritablePlan>[] = [
  { name: 'id', type: 'bigint', valuesOf: (rows) => rows.map(({ id }) => id) },
  { name: 'learner_id', type: 'integer', valuesOf: (rows) => rows.map(({ pair }) => pair.learnerId) },
  { name: 'course_id', type: 'integer', valuesOf: (rows) => rows.map(({ pair }) => pair.courseId) },
  { name: 'mode', type: 'text', valuesOf: (rows) => rows.map(({ pair }) => pair.state.mode) },
  { name: 'is_active', type: 'boolean', valuesOf: (rows) => rows.map(({ pair }) => pair.state.isActive) },
  { name: 'version', type: 'integer', valuesOf: (rows) => rows.map(({ pair }) => pair.state.version) },
  { name: 'created', type: 'timestamptz', valuesOf: (rows) => rows.map(({ pair }) => pair.state.created) },
  { name: 'updated', type: 'timestamptz', valuesOf: (rows) => rows.map(({ pair }) => pair.state.updated) },
  { name: 'read_version', type: 'integer', valuesOf: (rows) => rows.map(({ pair }) => pair.read?.version ?? 0) },
]

const INSERT = `with written as (
    insert into enrollments (id, learner_id, course_id, mode, is_active, version, created, updated)
    overriding system value
    select id, learner_id, course_id, mode, is_active, version, created, updated from ${columnRows(ROW, 1)} as r
    on conflict (learner_id, course_id) do nothing
    returning id
  ) select count(*)::integer as written, array_agg(id) as ids from written`

const UPDATE = `with written as (
    update enrollments e set mode = r.mode, is_active = r.is_active, version = r.version, created = r.created,
      updated = r.updated
    from ${columnRows(ROW, 1)} as r
    where e.id = r.id and e.version = r.read_version
    returning e.id
  ) select count(*)::integer as written, array_agg(id) as ids from written`

async function writeEnrollments(
  trx: Transaction<LmsDB>,
  statement: string,
  plans: readonly WritablePlan[],
): Promise<WritablePlan[]> {
  if (plans.length === 0) return []
  const { rows } = await trx.executeQuery<{ written: number; ids: string[] | null }>(
    CompiledQuery.raw(statement, columnParameters(ROW, plans)),
  )
  if (rows[0]?.written === plans.length) return []
  const ids = new Set(rows[0]?.ids)
  return plans.filter(({ id }) => !ids.has(id))
}

interface StepOfRow {
  readonly id: string
  readonly step: Step
  readonly actor: Actor | undefined
  readonly isImported: boolean
}

const STEP: readonly Column<StepOfRow>[] = [
  { name: 'enrollment_id', type: 'bigint', valuesOf: (steps) => steps.map(({ id }) => id) },
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
  { name: 'actor_kind', type: 'text', valuesOf: (steps) => steps.map(({ actor }) => actor?.kind ?? null) },
  { name: 'actor_name', type: 'text', valuesOf: (steps) => steps.map(({ actor }) => actor?.name ?? null) },
  { name: 'via', type: 'text', valuesOf: (steps) => steps.map(() => 'cli') },
  { name: 'is_imported', type: 'boolean', valuesOf: (steps) => steps.map(({ isImported }) => isImported) },
  { name: 'at', type: 'timestamptz', valuesOf: (steps) => steps.map(({ step }) => step.at) },
]
const OF_EVENT = STEP.map(({ name }) => name).join(', ')
const EVENTS = `insert into enrollment_events (${OF_EVENT}) select ${OF_EVENT} from ${columnRows(STEP, 1)} as r order by n`

async function writeEvents(
  trx: Transaction<LmsDB>,
  plans: readonly WritablePlan[],
  { isImported }: WriteOptions,
): Promise<void> {
  const steps = plans.flatMap(({ id, pair, actors }) =>
    pair.steps.map((step) => ({ id, step, actor: actors[step.index], isImported })),
  )
  if (steps.length === 0) return
  await trx.executeQuery(CompiledQuery.raw(EVENTS, columnParameters(STEP, steps)))
}

const LINK: readonly Column<WritablePlan>[] = [
  { name: 'enrollment_id', type: 'bigint', valuesOf: (rows) => rows.map(({ id }) => id) },
  { name: 'lms_id', type: 'integer', valuesOf: (rows) => rows.map(({ lms }) => lms.id) },
  { name: 'agreed_version', type: 'integer', valuesOf: (rows) => rows.map(({ agreedVersion }) => agreedVersion) },
]
const LINKS = `insert into enrollment_lms_ids as k (enrollment_id, lms_id, agreed_version)
  select enrollment_id, lms_id, agreed_version from ${columnRows(LINK, 1)} as r
  on conflict (enrollment_id) do update set lms_id = excluded.lms_id, agreed_version = excluded.agreed_version
  where (k.lms_id, k.agreed_version) is distinct from (excluded.lms_id, excluded.agreed_version)`

/** An id that the LMS gives to another enrollment now is that one's. */
async function writeIds(trx: Transaction<LmsDB>, plans: readonly WritablePlan[]): Promise<void> {
  if (plans.length === 0) return
  const [ids, lmsIds] = [plans.map(({ id }) => id), plans.map(({ lms }) => lms.id)]
  await sql`update enrollment_lms_ids k set lms_id = null
    from unnest(${ids}::bigint[], ${lmsIds}::integer[]) as r (enrollment_id, lms_id)
    where k.lms_id = r.lms_id and k.enrollment_id <> r.enrollment_id`.execute(trx)
  await trx.executeQuery(CompiledQuery.raw(LINKS, columnParameters(LINK, plans)))
}

async function writeAttributes(trx: Transaction<LmsDB>, plans: readonly WritablePlan[]): Promise<void> {
  const replaced = plans.flatMap(({ id, lms, attributes }) =>
    attributes === null ? [] : [{ enrollmentId: id, lmsId: lms.id, attributes }],
  )
  if (replaced.length === 0) return
  await replaceAttributes(trx, replaced)
  await keepDigests(trx, replaced)
}
