import { CompiledQuery, sql, type Transaction } from 'kysely'
import { columnParameters, columnRows, type Column } from '../database/columns.ts'
import type { DB } from '../database/schema.ts'
import type { Attribute } from './attributes.ts'
import { enrollmentOfPair } from './pair-lookup.ts'
import type { PairPlan } from './plan.ts'

/** Replaces the attributes of enrollments, each list in its order. */
export async function replaceAttributes(
  trx: Transaction<DB>,
  enrollments: readonly { enrollmentId: string; attributes: readonly Attribute[] }[],
): Promise<void> {
  const ids = enrollments.map(({ enrollmentId }) => enrollmentId)
  await sql`delete from enrollment_attributes where enrollment_id = any (${ids}::bigint[])`.execute(trx)
  const rows = enrollments.flatMap(({ enrollmentId, attributes }) =>
    attributes.map((attribute, position) => ({ enrollmentId, position, ...attribute })),
  )
  if (rows.length === 0) return
  await sql`
    insert into enrollment_attributes (enrollment_id, position, namespace, name, value)
    select * from unnest(${rows.map((row) => row.enrollmentId)}::bigint[],
      ${rows.map((row) => row.position)}::smallint[], ${rows.map((row) => row.namespace)}::text[],
      ${rows.map((row) => row.name)}::text[], ${rows.map((row) => row.value)}::text[])`.execute(trx)
}

/**
 * Statements that do the same for enrollments that were written a moment before in the same transaction, one of our own: those that
 * somebody else was faster with are left alone. They are sent together with what writes the enrollments, whose ids nobody knows yet.
 *
 * @param pairs of which some have attributes to be replaced.
 */
export function replaceWrittenAttributes(pairs: readonly PairPlan[]): CompiledQuery[] {
  const attributed = pairs.filter(({ attributes }) => attributes !== null)
  const existing = attributed.filter(({ enrollmentId }) => enrollmentId !== null)
  const rows = attributed.flatMap(({ learnerId, courseId, attributes }) =>
    (attributes ?? []).map((attribute, position) => ({ learnerId, courseId, position, ...attribute })),
  )
  return [
    ...(existing.length > 0 ? [CompiledQuery.raw(CLEAR_WRITTEN, columnParameters(PAIR, existing))] : []),
    ...(rows.length > 0 ? [CompiledQuery.raw(ADD_TO_WRITTEN, columnParameters(ATTRIBUTE, rows))] : []),
  ]
}

type Pair = Pick<PairPlan, 'learnerId' | 'courseId'>
type AttributeOfPair = Pair & Attribute & { readonly position: number }

const PAIR: readonly Column<Pair>[] = [
  { name: 'learner_id', type: 'integer', valuesOf: (rows) => rows.map(({ learnerId }) => learnerId) },
  { name: 'course_id', type: 'integer', valuesOf: (rows) => rows.map(({ courseId }) => courseId) },
]

const ATTRIBUTE: readonly Column<AttributeOfPair>[] = [
  ...PAIR,
  { name: 'position', type: 'smallint', valuesOf: (rows) => rows.map(({ position }) => position) },
  { name: 'namespace', type: 'text', valuesOf: (rows) => rows.map(({ namespace }) => namespace) },
  { name: 'name', type: 'text', valuesOf: (rows) => rows.map(({ name }) => name) },
  { name: 'value', type: 'text', valuesOf: (rows) => rows.map(({ value }) => value) },
]

// The version of a row that this transaction has written bears its number.
const WRITTEN = `${enrollmentOfPair('r.learner_id', 'r.course_id', 'xmin = pg_current_xact_id()::xid')} as e`

const CLEAR_WRITTEN = `/* enrollment.clearAttributes */ delete from enrollment_attributes
  where enrollment_id = any (array(select e.id from ${columnRows(PAIR, 1)} as r, ${WRITTEN}))`

const ADD_TO_WRITTEN = `/* enrollment.addAttributes */ insert into enrollment_attributes (enrollment_id, position, namespace, name, value)
  select e.id, position, namespace, name, value from ${columnRows(ATTRIBUTE, 1)} as r, ${WRITTEN}`
