import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { ManualCourse } from './request.ts'

/** A course run of a request that exists. */
export interface KnownCourse {
  readonly id: number
  /** Otherwise the LMS writes its enrollments. */
  readonly isOwnedHere: boolean
  /** Null: none was asked for. */
  readonly cohort: { readonly id: number; readonly name: string } | null
}

/**
 * Reads the course runs of a request with the cohorts that it names there.
 *
 * @returns one element per course, in order; null where there is no such course run.
 */
export async function readManualCourses(
  db: Kysely<DB>,
  courses: readonly ManualCourse[],
): Promise<(KnownCourse | null)[]> {
  if (courses.length === 0) return []
  const keys = [...new Set(courses.map(({ key }) => key.stored))]
  const names = [...new Set(courses.flatMap(({ cohort }) => cohort ?? []))]
  const rows = await db
    .selectFrom('courses as c')
    .leftJoin('cohorts as h', (join) =>
      join.onRef('h.course_id', '=', 'c.id').on('h.name', '=', sql<string>`any (${names}::text[])`),
    )
    .select(['c.id', 'c.course_key', 'c.owner', 'h.id as cohort_id', 'h.name as cohort_name'])
    .where('c.course_key', '=', sql<string>`any (${keys}::text[])`)
    .execute()
  const found = Map.groupBy(rows, (row) => row.course_key)
  return courses.map(({ key, cohort }) => {
    const ofCourse = found.get(key.stored) ?? []
    const [first] = ofCourse
    if (first === undefined) return null
    const id = ofCourse.find((row) => row.cohort_name === cohort)?.cohort_id ?? null
    const isOwnedHere = first.owner === 'here'
    return { id: first.id, isOwnedHere, cohort: id === null || cohort === null ? null : { id, name: cohort } }
  })
}

/** The first of the courses in which the cohort that it names does not exist; null: there is none. */
export async function findMissingCohort(
  db: Kysely<DB>,
  courses: readonly ManualCourse[],
): Promise<ManualCourse | null> {
  if (courses.every(({ cohort }) => cohort === null)) return null
  const known = await readManualCourses(db, courses)
  return courses.find(({ cohort }, index) => cohort !== null && !known[index]?.cohort) ?? null
}
