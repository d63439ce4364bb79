import { CompiledQuery, type Kysely } from 'kysely'
import { columnParameters, columnRows, type Column } from '../../../core/database/columns.ts'
import { enrollmentOfPair } from '../../../core/enrollment/pair-lookup.ts'
import type { LmsDB } from '../../database/schema.ts'
import { attributesText } from './attributes.ts'
import type { LmsEnrollment } from './lms-enrollment.ts'

/** An enrollment of the LMS with the course run here that it names. */
export interface LocatedEnrollment extends LmsEnrollment {
  readonly courseId: number
}

/** What is here for an enrollment of the LMS that differs from it in something. */
export interface StoredRow {
  /** Its place among those that were asked for, from 1. */
  readonly n: number
  /** Null: there is no such account. */
  readonly learner_id: number | null
  /** Null together with all that follows: there is no enrollment. */
  readonly enrollment_id: string | null
  readonly version: number
  readonly mode: string
  readonly is_active: boolean
  readonly created: string
  readonly updated: string
  readonly attributes: [string, string, string][] | null
  /** The id of the LMS that is known for it; null: none. */
  readonly lms_id: number | null
  readonly agreed_version: number | null
  /** Whether another enrollment has the id of the LMS here. */
  readonly is_id_taken: boolean
}

/**
 * Reads what is here for enrollments of the LMS, of those alone that are not the same in everything: a second import reads
 * next to nothing.
 */
export async function readStored(db: Kysely<LmsDB>, enrollments: readonly LocatedEnrollment[]): Promise<StoredRow[]> {
  const { rows } = await db.executeQuery<StoredRow>(CompiledQuery.raw(STATEMENT, columnParameters(ASKED, enrollments)))
  return rows
}

const ASKED: readonly Column<LocatedEnrollment>[] = [
  { name: 'lms_id', type: 'integer', valuesOf: (rows) => rows.map(({ id }) => id) },
  { name: 'user_id', type: 'integer', valuesOf: (rows) => rows.map(({ userId }) => userId) },
  { name: 'course_id', type: 'integer', valuesOf: (rows) => rows.map(({ courseId }) => courseId) },
  { name: 'mode', type: 'text', valuesOf: (rows) => rows.map(({ mode }) => mode) },
  { name: 'is_active', type: 'boolean', valuesOf: (rows) => rows.map(({ isActive }) => isActive) },
  { name: 'created', type: 'timestamptz', valuesOf: (rows) => rows.map(({ created }) => created) },
  { name: 'attributes', type: 'jsonb', valuesOf: (rows) => rows.map(({ attributes }) => attributesText(attributes)) },
]

const STATEMENT = `select r.n::integer as n, l.id as learner_id, e.id as enrollment_id, e.version, e.mode, e.is_active,
    e.created, e.updated, a.attributes, k.lms_id, k.agreed_version,
    e.id is null and l.id is not null and exists (select from enrollments x where x.id = r.lms_id) as is_id_taken
  from ${columnRows(ASKED, 1)} as r
  left join learners l on l.user_id = r.user_id and l.is_id_of_lms
  left join ${enrollmentOfPair('l.id', 'r.course_id')} e on true
  left join enrollment_lms_ids k on k.enrollment_id = e.id
  left join lateral (
    select jsonb_agg(jsonb_build_array(a.namespace, a.name, a.value) order by a.position) as attributes
    from enrollment_attributes a where a.enrollment_id = e.id
  ) a on true
  where (e.mode = r.mode and e.is_active = r.is_active and (r.created is null or e.created = r.created)
    and k.lms_id = r.lms_id and k.agreed_version = e.version and a.attributes is not distinct from r.attributes) is not true
  order by r.n`
