import { sql, type Kysely } from 'kysely'
import type { LmsDB } from '../../database/schema.ts'
import type { RowPlan } from './plan-row.ts'
import type { LocatedEnrollment, StoredRow } from './read-stored.ts'

/** Ids that are left out above those of the LMS: what others draw while the sequence is set never comes twice. */
const MARGIN = 1000

/** Lets ids that are drawn here begin above those of the LMS, so that a new enrollment can have the id that it has there. */
export async function keepSequenceAbove(db: Kysely<LmsDB>, lmsId: number): Promise<void> {
  await sql`select setval('enrollments_id_seq', ${lmsId + MARGIN}::bigint) from enrollments_id_seq
    where last_value < ${lmsId}::bigint`.execute(db)
}

/** The ids of the enrollments of plans: that of the LMS for a new one, or one drawn here where another enrollment has it. */
export async function drawIds(
  db: Kysely<LmsDB>,
  plans: readonly RowPlan[],
  stored: readonly StoredRow[],
  rows: readonly LocatedEnrollment[],
): Promise<string[]> {
  const taken = new Set(stored.filter((row) => row.is_id_taken).map(({ n }) => rows[n - 1]))
  const drawing = plans.filter(({ pair, lms }) => pair.enrollmentId === null && taken.has(lms))
  const drawn = (await draw(db, drawing.length)).values()
  return plans.map(
    ({ pair, lms }) => pair.enrollmentId ?? (taken.has(lms) ? (drawn.next().value ?? '') : String(lms.id)),
  )
}

async function draw(db: Kysely<LmsDB>, count: number): Promise<string[]> {
  if (count === 0) return []
  const { rows } = await sql<{ id: string }>`
    select nextval('enrollments_id_seq') as id from generate_series(1, ${count}::integer)`.execute(db)
  return rows.map(({ id }) => id)
}
