import { CompiledQuery, sql, type Transaction } from 'kysely'
import { columnParameters, columnRows, type Column } from '../database/columns.ts'
import type { DB } from '../database/schema.ts'
import { enrollmentOfPair } from '../enrollment/pair-lookup.ts'
import type { LineOf } from './lines.ts'

/** A line with whether its row is wanted even where it says what is stored. */
export interface LineToRead {
  readonly line: LineOf<'enrollment'>
  readonly isWanted: boolean
}

/** A pair of learner and course run with what is stored for it. */
export interface PairRow {
  /** The place of its line, from 1. */
  readonly n: number
  readonly learner_id: number | null
  readonly course_id: number | null
  /** Null together with all that follows where there is no enrollment. */
  readonly enrollment_id: string | null
  readonly version: number
  readonly mode: string
  readonly is_active: boolean
  readonly created: string
  readonly updated: string
  readonly lms_id: number | null
  readonly attributes: [namespace: string, name: string, value: string][] | null
}

/**
 * Reads accounts, course runs and enrollments by their names: the rows of those lines alone that say something else than what
 * is stored, so that importing a file again reads next to nothing.
 */
export async function readPairs(trx: Transaction<DB>, lines: readonly LineToRead[]): Promise<PairRow[]> {
  const { rows } = await trx.executeQuery<PairRow>(CompiledQuery.raw(STATEMENT, columnParameters(ASKED, lines)))
  return rows
}

const ASKED: readonly Column<LineToRead>[] = [
  { name: 'username', type: 'text', valuesOf: (lines) => lines.map(({ line }) => line.username) },
  { name: 'course_key', type: 'text', valuesOf: (lines) => lines.map(({ line }) => line.courseId.stored) },
  { name: 'mode', type: 'text', valuesOf: (lines) => lines.map(({ line }) => line.mode) },
  { name: 'is_active', type: 'boolean', valuesOf: (lines) => lines.map(({ line }) => line.isActive) },
  { name: 'created', type: 'timestamptz', valuesOf: (lines) => lines.map(({ line }) => line.created ?? null) },
  { name: 'lms_id', type: 'integer', valuesOf: (lines) => lines.map(({ line }) => line.id ?? null) },
  { name: 'attributes', type: 'jsonb', valuesOf: (lines) => lines.map(({ line }) => attributesText(line)) },
  { name: 'is_wanted', type: 'boolean', valuesOf: (lines) => lines.map(({ isWanted }) => isWanted) },
]

// What a line leaves out (null) stays as it is, whatever that is. The attributes, and the id of the LMS, are looked up only where
// a line has some; most enrollments have no attributes, and an aggregate of none costs more than all else. With the offset they are
// put together once a row. A wanted row may be that of several lines.
const STATEMENT = `/* import.readPairs */ select r.n::integer as n, l.id as learner_id, c.id as course_id, e.id as enrollment_id,
    e.version, e.mode, e.is_active, e.created, e.updated, k.lms_id, a.attributes
  from ${columnRows(ASKED, 1)} as r
  left join learners l on l.username = r.username
  left join courses c on c.course_key = r.course_key
  left join ${enrollmentOfPair('l.id', 'c.id')} e on true
  left join enrollment_lms_ids k on k.enrollment_id = e.id and (r.lms_id is not null or r.is_wanted)
  cross join lateral (
    select case
      when e.id is null or (r.attributes is null and not r.is_wanted) then null
      when not exists (select from enrollment_attributes a where a.enrollment_id = e.id) then '[]'
      else (select jsonb_agg(jsonb_build_array(a.namespace, a.name, a.value) order by a.position)
        from enrollment_attributes a where a.enrollment_id = e.id)
    end as attributes offset 0
  ) a
  where (not r.is_wanted and e.mode = r.mode and e.is_active = r.is_active and coalesce(e.created = r.created, true)
    and (r.lms_id is null or k.lms_id = r.lms_id) and coalesce(a.attributes = r.attributes, true)) is not true`

/** A pair that is named, with the ids of what is there. */
export interface FoundPair {
  readonly learner_id: number | null
  readonly course_id: number | null
  readonly enrollment_id: string | null
}

/** Finds accounts, course runs and enrollments by their names: one for each pair, in order. */
export async function findPairs(
  trx: Transaction<DB>,
  pairs: readonly Pick<LineOf<'enrollment'>, 'username' | 'courseId'>[],
): Promise<FoundPair[]> {
  const { rows } = await sql<FoundPair>`
    select l.id as learner_id, c.id as course_id, e.id as enrollment_id
    from unnest(${pairs.map((pair) => pair.username)}::text[], ${pairs.map((pair) => pair.courseId.stored)}::text[])
      with ordinality as pair (username, course_key, n)
    left join learners l on l.username = pair.username
    left join courses c on c.course_key = pair.course_key
    left join ${sql.raw(enrollmentOfPair('l.id', 'c.id'))} e on true
    order by pair.n`.execute(trx)
  return rows
}

/** In the form in which the statement reads what is stored; null: the line leaves them out. */
function attributesText({ attributes }: LineOf<'enrollment'>): string | null {
  if (attributes === undefined) return null
  if (attributes.length === 0) return '[]'
  return JSON.stringify(attributes.map(({ namespace, name, value }) => [namespace, name, value]))
}
